"""`partwise evaluate`: a model, measured on stems it has not been trained on."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from partwise.commands.console import Ticker


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of stems, not trained on.")],
    model: Annotated[
        Path | None, typer.Option(help="ONNX model; default: the shipped one.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="pseudo-knn, leakage or presence.")] = "pseudo-knn",
    labels: Annotated[int, typer.Option(min=2, help="Labels to tell apart.")] = 10,
    pool: Annotated[
        int, typer.Option(min=2, help="Pieces that the label sets are drawn from.")
    ] = 100,
    mixes: Annotated[int, typer.Option(min=2, help="Pseudo-mixes per label.")] = 4,
    draws: Annotated[int, typer.Option(min=1, help="Label sets drawn.")] = 20,
    oracle: Annotated[bool, typer.Option(help="Clean stems instead of mixes.")] = False,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the numbers here, as JSON.")] = None,
) -> None:
    """Measure a model: pseudo-mix kNN (and at all labels of the pool), leakage, presence."""
    import numpy as np

    from partwise.datasets.stems import data_digest, find_pieces
    from partwise.embedding.encoder import load_encoder
    from partwise.errors import PartwiseError
    from partwise.evaluation.embed import segment_embedder
    from partwise.evaluation.presence import average_precision, presence_samples
    from partwise.evaluation.pseudo_knn import (
        StemReader,
        draw_pseudo_mixes,
        embed_pseudo_mixes,
        knn_score,
    )
    from partwise.library.reports import duration_text
    from partwise.parts import PARTS

    if protocol not in ("pseudo-knn", "leakage", "presence"):
        raise PartwiseError(
            f"unknown --protocol {protocol!r}: choose pseudo-knn, leakage or presence"
        )
    began = time.monotonic()
    encoder = load_encoder(model)
    pieces = find_pieces(data)
    embed = segment_embedder(encoder)
    report: dict = {
        "protocol": protocol,
        "model": encoder.digest,
        "data_digest": data_digest(pieces),
        "pieces": len(pieces),
        "seed": seed,
    }
    if protocol == "presence":
        told, truth, _ = presence_samples(pieces, encoder.settings.sample_rate_hz, embed, seed=seed)
        report["average_precision"] = {
            str(p): average_precision(told[:, p.index], truth[:, p.index]) for p in PARTS
        }
        for part, value in report["average_precision"].items():
            share = truth[:, PARTS.index(part)].mean()
            typer.echo(f"{part:8} average precision {value:.3f}   (there in {share:.0%})")
    else:
        there = {part: sum(part in piece.stems for piece in pieces) for part in PARTS}
        for part in PARTS:
            if min(there[part], pool) < labels:
                raise PartwiseError(
                    f"{labels} labels were asked for, but {data} has {there[part]} pieces with "
                    f"{part} and --pool is {pool}"
                )
        reader = StemReader(pieces, encoder.settings.sample_rate_hz)
        scores = []
        leakage = np.zeros((len(PARTS), len(PARTS)))
        total = mixes * sum(min(pool, count) for count in there.values())
        begun = 0
        with Ticker("embedding", "pseudo-mixes") as ticker:
            for part in PARTS:
                rng = np.random.default_rng([seed, part.index])
                drawn = draw_pseudo_mixes(pieces, part, min(pool, there[part]), mixes, rng)
                segments = embed_pseudo_mixes(
                    drawn,
                    reader,
                    embed,
                    oracle=oracle,
                    progress=lambda done, _, b=begun: ticker(b + done, total),
                )
                begun += len(drawn)
                found = len(np.unique(segments.label))
                scores.append(knn_score(segments, part, labels, draws=draws, seed=seed))
                scores.append(
                    knn_score(segments, part, labels, strict=True, draws=draws, seed=seed)
                )
                scores.append(knn_score(segments, part, found, seed=seed))
                for read in PARTS if protocol == "leakage" else ():
                    score = knn_score(segments, part, labels, read=read, draws=draws, seed=seed)
                    leakage[part.index, read.index] = score.accuracy
        report["oracle"] = oracle
        report["scores"] = [asdict(score) for score in scores]
        few, strict, many = scores[::3], scores[1::3], scores[2::3]
        report["mean"], report["mean_strict"], report["mean_all"] = (
            float(np.mean([s.accuracy for s in group])) for group in (few, strict, many)
        )
        typer.echo(f"{'part':8} {labels:4} labels (95 % over pieces)   strict   all labels")
        for a, b, c in zip(few, strict, many, strict=True):
            interval = f"({a.low:.1%} - {a.high:.1%})"
            everything = f"{c.accuracy:.1%} of {c.labels}"
            typer.echo(
                f"{a.part:8} {a.accuracy:9.1%} {interval:>20} {b.accuracy:9.1%}   {everything}"
            )
        chance = f"chance {1 / labels:.0%}"
        typer.echo(
            f"{'mean':8} {report['mean']:9.1%} {chance:>20} {report['mean_strict']:9.1%}   "
            f"{report['mean_all']:.1%}"
        )
        if protocol == "leakage":
            report["leakage"] = leakage.tolist()
            typer.echo("\nlabels of the row, read in the subspace of the column:")
            typer.echo(" " * 8 + "".join(f"{part:>9}" for part in PARTS))
            for part in PARTS:
                cells = "".join(f"{leakage[part.index, r.index]:9.1%}" for r in PARTS)
                typer.echo(f"{part:8}{cells}")
    report["seconds"] = round(time.monotonic() - began, 1)
    typer.echo(
        f"\n{len(pieces)} pieces, model {encoder.digest}, {duration_text(report['seconds'])}"
    )
    if out:
        out.write_text(json.dumps(report, indent=1) + "\n")
