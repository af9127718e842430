"""The lab: data, model, training and measuring. It imports ``partwise``, never the reverse."""
