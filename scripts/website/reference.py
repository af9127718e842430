"""The pages of the API reference: which modules are public, in which order."""

from __future__ import annotations

# Page: title, what it is about, modules. What is not here is not public and may change at any time.
REFERENCE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "reference/ladder.md": (
        "Hearing",
        "From a file to part embeddings, step by step. Every step can be used alone; the names are"
        " also those of `import partwise`.",
        (
            "partwise.parts",
            "partwise.audio.decode",
            "partwise.audio.segment",
            "partwise.embedding.logmel",
            "partwise.embedding.encoder",
            "partwise.embedding.embeddings",
            "partwise.errors",
        ),
    ),
    "reference/library.md": (
        "Library",
        "Folders in, ranked tracks out.",
        (
            "partwise.library.library",
            "partwise.library.search",
            "partwise.library.hits",
            "partwise.library.query",
            "partwise.library.songs",
            "partwise.library.path",
            "partwise.library.playlists",
            "partwise.library.reports",
            "partwise.library.overview",
            "partwise.library.check",
            "partwise.library.on_ray",
        ),
    ),
    "reference/stores.md": (
        "Stores",
        "Where part vectors lie. [The guide](../stores.md) says which one to choose.",
        (
            "partwise.library.stores.protocol",
            "partwise.library.stores.opening",
            "partwise.library.stores.lance",
            "partwise.library.stores.milvus",
            "partwise.library.stores.exact",
            "partwise.library.stores.precision",
        ),
    ),
    "reference/server.md": (
        "Server and client",
        "The page and the HTTP API as a program sees them.",
        ("partwise.web.client", "partwise.web.app", "partwise.web.server"),
    ),
    "reference/datasets.md": (
        "Data sets",
        "Stems to train on and to measure with.",
        (
            "partwise.datasets.piece",
            "partwise.datasets.stems",
            "partwise.datasets.splits",
            "partwise.datasets.slakh",
            "partwise.datasets.musdb",
            "partwise.datasets.moisesdb",
            "partwise.datasets.any_stems",
            "partwise.datasets.render",
            "partwise.datasets.arrange",
        ),
    ),
    "reference/training.md": (
        "Training",
        "One loop, many recipes. Needs the extra `train`.",
        (
            "partwise.training.registry",
            "partwise.training.recipes",
            "partwise.training.plan",
            "partwise.training.objective",
            "partwise.training.loop",
            "partwise.training.losses",
            "partwise.model.encoder",
            "partwise.model.checkpoint",
            "partwise.model.export",
        ),
    ),
    "reference/evaluation.md": (
        "Evaluation",
        "The paper's protocols, rivals and listeners.",
        (
            "partwise.evaluation.protocols",
            "partwise.evaluation.pseudo_knn",
            "partwise.evaluation.same_part",
            "partwise.evaluation.probes",
            "partwise.evaluation.presence",
            "partwise.evaluation.compare",
            "partwise.evaluation.rivals.frozen",
            "partwise.separation.separator",
            "partwise.evaluation.abx.scoring",
            "partwise.listening.statistics",
        ),
    ),
}


def reference_pages() -> dict[str, str]:
    """Markdown of the pages by name; mkdocstrings fills them."""
    return {
        page: "\n".join([f"# {title}", "", about, "", *(f"::: {module}\n" for module in modules)])
        for page, (title, about, modules) in REFERENCE.items()
    }
