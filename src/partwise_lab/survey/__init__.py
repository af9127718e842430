"""A listening test over a library: do people hear alike, part by part, what the model does?"""
