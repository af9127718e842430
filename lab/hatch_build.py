"""The lab's wheel takes its package from beside the product's; an editable one points there."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Beside(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"]["../src/partwise_lab"] = "partwise_lab"
