"""What a checkpoint says of its run, and what goes on with the model and its results."""

RUN_FACTS = (
    "recipe",
    "recipe_settings",
    "data_digest",
    "pieces",
    "minutes",
    "clock",
    "device",
    "steps",
    "segments",
    "parameters",
)
