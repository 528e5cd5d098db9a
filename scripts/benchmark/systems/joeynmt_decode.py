"""Joey NMT's search with our weights."""

import harness
import joeynmt_model
import numpy as np
import sentencepiece
import torch
import torch_loop
from joeynmt.search import search
from torch import Tensor, nn

ATTENTIONS = {
    ("encoder", "self"): "src_src_att", ("decoder", "self"): "trg_trg_att", ("decoder", "cross"): "src_trg_att",
}  # fmt: skip
NORMS = {
    ("encoder", "self"): "layer_norm", ("decoder", "self"): "x_layer_norm", ("decoder", "cross"): "dec_layer_norm",
}  # fmt: skip
PARTS = {"query": "q_layer", "output": "output_layer", "expand": "pwff_layer.0", "contract": "pwff_layer.3"}


def main() -> None:
    job = harness.read_job()
    device = torch_loop.device_of(job)
    model = joeynmt_model.build(job["model"]["sizes"], job["vocabulary"])
    fill(model, torch_loop.weights(job["model"]["weights"]))
    model.to(device).eval()
    pieces = sentencepiece.SentencePieceProcessor(model_file=job["tokenizer"])

    def translate(lines: list[str]) -> list[str]:
        sources = [[*ids, harness.EOS] for ids in pieces.encode(lines)]
        found = [""] * len(lines)
        for places in harness.sorted_batches(sources, job["batch"]):
            src = np.full((len(places), max(len(sources[place]) for place in places)), harness.PAD)
            for row, place in zip(src, places, strict=True):
                row[: len(sources[place])] = sources[place]
            batch = joeynmt_model.batch(src, None, device)
            beam = job["beam"] if job["beam"] > 1 else 0
            ids, _, _ = search(model, batch, job["longest"], beam_size=beam, beam_alpha=job["length_penalty"])
            for place, row in zip(places, joeynmt_model.ours(np.asarray(ids)).tolist(), strict=True):
                found[place] = pieces.decode(words(row))
        return found

    with torch.inference_mode():
        harness.measure_decoding(job, "joeynmt", translate)


def words(row: list[int]) -> list[int]:
    """What stands before the end mark."""
    row = row[: row.index(harness.EOS)] if harness.EOS in row else row
    return [each for each in row if each > harness.EOS]


def fill(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put our weights into Joey's model. Both compute the same but for the epsilon of the norms."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = nn.LayerNorm(1).eps
    named = {new: tensor for name, tensor in weights.items() for new, tensor in renamed(name, tensor).items()}
    for name, weight in model.named_parameters():
        weight.data.copy_(named.pop(name))
    assert not named, sorted(named)


def renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A weight of ours under Joey's names; one matrix of ours holds its keys and values."""
    match name.split("."):
        case ["embeddings", "target_weight"]:
            places = torch.from_numpy(joeynmt_model.ours(np.arange(len(tensor))))
            return {"src_embed.lut.weight": tensor[places]}
        case ["encoder_norm" | "decoder_norm" as norm, kind]:
            return {f"{norm.removesuffix('_norm')}.layer_norm.{kind}": tensor}
        case [side, layer, "around_feed_forward", "norm", kind]:
            return {f"{side}.layers.{layer}.feed_forward.layer_norm.{kind}": tensor}
        case [side, layer, around, "norm", kind]:
            return {f"{side}.layers.{layer}.{NORMS[side, around.removeprefix('around_')]}.{kind}": tensor}
        case [side, layer, "feed_forward", part, kind]:
            return {f"{side}.layers.{layer}.feed_forward.{PARTS[part]}.{kind}": tensor}
        case [side, layer, attention, part, kind]:
            place = f"{side}.layers.{layer}.{ATTENTIONS[side, attention.removesuffix('_attention')]}"
            if part == "key_value":
                return dict(zip((f"{place}.k_layer.{kind}", f"{place}.v_layer.{kind}"), tensor.chunk(2), strict=True))
            return {f"{place}.{PARTS[part]}.{kind}": tensor}
    raise SystemExit(f"joeynmt: unknown weight {name}")


if __name__ == "__main__":
    main()
