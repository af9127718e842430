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
            "partwise.embedding.masks",
            "partwise.embedding.embeddings",
            "partwise.errors",
        ),
    ),
    "reference/library.md": (
        "Library",
        "Folders in, ranked tracks out.",
        (
            "partwise.library.library",
            "partwise.library.search.searcher",
            "partwise.library.search.hits",
            "partwise.library.search.query",
            "partwise.library.search.seeds",
            "partwise.library.search.matcher",
            "partwise.library.search.journey",
            "partwise.library.search.clusters",
            "partwise.library.export.embeddings",
            "partwise.library.media.playlists",
            "partwise.library.reports",
            "partwise.library.overview",
            "partwise.library.check.check",
            "partwise.library.index.run",
            "partwise.library.index.ray_workers",
        ),
    ),
    "reference/stores.md": (
        "Stores",
        "Where part vectors lie. [The guide](../stores.md) says which one to choose.",
        (
            "partwise.library.stores.protocol",
            "partwise.library.stores.places",
            "partwise.library.stores.lance",
            "partwise.library.stores.milvus",
            "partwise.library.stores.exact_index",
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
            "partwise_lab.data.piece",
            "partwise_lab.data.stems",
            "partwise_lab.data.slakh",
            "partwise_lab.data.recorded",
            "partwise_lab.data.any_stems",
            "partwise_lab.synthesis.render",
            "partwise_lab.synthesis.arrange",
        ),
    ),
    "reference/training.md": (
        "Training",
        "One loop, many recipes. Needs `partwise-lab`.",
        (
            "partwise_lab.training.registry",
            "partwise_lab.training.recipes",
            "partwise_lab.training.pseudo_mix",
            "partwise_lab.training.loop",
            "partwise_lab.training.factorial",
            "partwise_lab.model.encoder",
            "partwise_lab.model.checkpoint",
            "partwise_lab.model.export",
        ),
    ),
    "reference/evaluation.md": (
        "Evaluation",
        "The paper's protocols, rivals and listeners.",
        (
            "partwise_lab.measure.protocols",
            "partwise_lab.measure.pseudo_knn",
            "partwise_lab.measure.same_part",
            "partwise_lab.measure.probes",
            "partwise_lab.measure.knn",
            "partwise_lab.measure.few_pieces",
            "partwise_lab.measure.whole",
            "partwise_lab.measure.presence",
            "partwise_lab.measure.compare",
            "partwise_lab.rivals.frozen",
            "partwise_lab.separation.separator",
            "partwise_lab.measure.abx.scoring",
            "partwise_lab.survey.statistics",
        ),
    ),
}


def reference_pages() -> dict[str, str]:
    """Markdown of the pages by name; mkdocstrings fills them."""
    return {
        page: "\n".join([f"# {title}", "", about, "", *(f"::: {module}\n" for module in modules)])
        for page, (title, about, modules) in REFERENCE.items()
    }
