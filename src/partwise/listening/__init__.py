"""A listening test over a library: do people hear alike what the model calls alike, part by part?"""
