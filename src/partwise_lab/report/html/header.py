"""What was measured, with what, on what, and by which command."""

from __future__ import annotations

from typing import Any

from partwise.library.reports import duration_text
from partwise.parts import PARTS
from partwise_lab.report.html.fragment import Context, Fragment

# protocol -> (its name, what it asks)
_PROTOCOLS = {
    "pseudo-knn": (
        "Pseudo-mix kNN",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, whatever else sounds?",
    ),
    "leakage": (
        "Pseudo-mix kNN and leakage",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, and can it not be found inside the others?",
    ),
    "presence": (
        "Presence",
        "Does the network tell which parts are there, in mixes of random subsets of stems?",
    ),
    "few-pieces": (
        "Pseudo-mixes of few pieces",
        "Windows of recorded stems are put together at random; which of a handful of pieces does "
        "a part come from? With so few pieces nothing is said about other music.",
    ),
    "halves": (
        "Halves of songs",
        "Does half a song find its other half? This cannot tell whether a subspace hears its own "
        "part or the rest of the song.",
    ),
    "unmixed": (
        "Unmixed songs",
        "Which piece does a segment of a real mix come from? This does not measure "
        "disentanglement: all parts of a piece sound together, so any subspace can win from cues "
        "of the song.",
    ),
    "same-part": (
        "Same part, other accompaniment",
        "The same stem under other music, and other stems under the same music: is what shares the "
        "part near in the part's own subspace, and what shares the rest in the others?",
    ),
    "probes": (
        "What each subspace holds",
        "The instrument, key, tempo, loudness and brightness of each part: in which subspaces can "
        "a linear model read them, of pieces that it has not seen?",
    ),
    "abx": (
        "Agreement with listeners",
        "Listeners said which of two clips is more like a third, part by part; does the model "
        "find alike what they find alike?",
    ),
    "compare": (
        "Comparison",
        "Several ways to hear a part, on the same pseudo-mixes with the same drawn labels.",
    ),
}


def protocol_title(report: dict[str, Any]) -> str:
    """The protocol's name in words."""
    return _PROTOCOLS.get(report["protocol"], (report["protocol"], ""))[0]


def header(report: dict[str, Any], context: Context) -> Fragment:
    """The facts, as a list of terms."""
    facts = {name: text for name, text in _facts(report).items() if text}
    body = context.render(
        "header.html",
        question=_PROTOCOLS.get(report["protocol"], ("", ""))[1],
        facts=facts,
        command=report.get("command", ""),
        not_measured=report.get("not_measured", {}),
        skipped=report.get("skipped", []),
    )
    return Fragment("about", "What was measured", body)


def _facts(report: dict[str, Any]) -> dict[str, str]:
    about = [report.get("model_recipe", "")]
    trained = report.get("model_data_digest", "")
    about += [f"trained on the data {trained}"] if trained else []
    notes = f" ({', '.join(filter(None, about))})" if any(about) else ""
    data = ", ".join(report.get("data", ()))
    stems = report.get("stems", {})
    options = {k: v for k, v in report.get("options", {}).items() if v is not None}
    return {
        "Model": f"{report['model']}{notes}" if report.get("model") else "",
        "Heard": "clean stems instead of mixes (the upper bound)" if report.get("oracle") else "",
        "Data": f"{data}, {report['pieces']} pieces" if "pieces" in report else data,
        "Data digest": report.get("data_digest", ""),
        "Pieces with": ", ".join(f"{p} {stems[p]}" for p in map(str, PARTS) if p in stems),
        "Settings": ", ".join(f"{name} {_said(value)}" for name, value in options.items()),
        "Seed": str(report["seed"]) if "seed" in report else "",
        "Took": duration_text(report["seconds"]) if "seconds" in report else "",
        "partwise": report.get("partwise", ""),
    }


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
