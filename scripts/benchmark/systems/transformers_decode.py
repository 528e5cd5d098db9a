"""Hugging Face transformers' generate with our weights, in the one of its models that computes the same: Pegasus, which
is pre-norm with sinusoidal positions."""

import harness
import sentencepiece
import torch
import torch_loop
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig, PegasusConfig, PegasusForConditionalGeneration

NORMS = {"around_self": "self_attn", "around_cross": "encoder_attn", "around_feed_forward": "final"}
ATTENTIONS = {"self_attention": "self_attn", "cross_attention": "encoder_attn"}


def main() -> None:
    job = harness.read_job()
    device = torch_loop.device_of(job)
    model = build(job["model"], job["vocabulary"]).to(device).eval()
    pieces = sentencepiece.SentencePieceProcessor(model_file=job["tokenizer"])
    generation = GenerationConfig(
        num_beams=job["beam"], do_sample=False, length_penalty=job["length_penalty"], max_new_tokens=job["longest"],
        pad_token_id=harness.PAD, eos_token_id=harness.EOS, decoder_start_token_id=harness.BOS, early_stopping=False,
    )  # fmt: skip

    def translate(lines: list[str]) -> list[str]:
        sources = [[*ids, harness.EOS] for ids in pieces.encode(lines)]
        found = [""] * len(lines)
        for places in harness.sorted_batches(sources, job["batch"]):
            src = pad_sequence([torch.tensor(sources[place]) for place in places], batch_first=True).to(device)
            with torch_loop.autocast(job):
                ids = model.generate(src, attention_mask=(src != harness.PAD).long(), generation_config=generation)
            for place, text in zip(places, pieces.decode([words(row) for row in ids.tolist()]), strict=True):
                found[place] = text
        return found

    def words(row: list[int]) -> list[int]:
        return [each for each in row if each > harness.EOS]

    with torch.inference_mode():
        harness.measure_decoding(job, "transformers", translate)


def build(described: dict, vocabulary: int) -> PegasusForConditionalGeneration:
    """The model of a bundle, weight by weight. Refuses what Pegasus has not."""
    weights, sizes = torch_loop.weights(described["weights"]), described["sizes"]
    usual = {"norm": "pre", "positions": "sinusoidal", "activation": "relu", "tied_embeddings": "all"}
    if strange := {name for name, value in usual.items() if sizes[name] != value}:
        raise SystemExit(f"Pegasus cannot hold this model: {', '.join(sorted(strange))}")
    model = PegasusForConditionalGeneration(PegasusConfig(
        vocab_size=vocabulary, d_model=sizes["width"], max_position_embeddings=sizes["max_length"],
        encoder_layers=sizes["encoder_layers"], encoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["feed_forward"], decoder_layers=sizes["decoder_layers"],
        decoder_attention_heads=sizes["heads"], decoder_ffn_dim=sizes["feed_forward"], activation_function="relu",
        scale_embedding=True, pad_token_id=harness.PAD, eos_token_id=harness.EOS,
        decoder_start_token_id=harness.BOS, forced_eos_token_id=None,
    ))  # fmt: skip
    named = {new: tensor for name, tensor in weights.items() for new, tensor in renamed(name, tensor).items()}
    named["lm_head.weight"] = named["model.shared.weight"]
    for side in ("encoder", "decoder"):
        named[f"model.{side}.embed_tokens.weight"] = named["model.shared.weight"]
        named[f"model.{side}.embed_positions.weight"] = positions(sizes["max_length"], sizes["width"])
    named["final_logits_bias"] = torch.zeros(1, vocabulary)
    model.load_state_dict(named, strict=True)
    return model


def renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A weight of ours under Pegasus' names; one matrix of ours holds its keys and values."""
    match name.split("."):
        case ["embeddings", "target_weight"]:
            return {"model.shared.weight": tensor}
        case ["encoder_norm" | "decoder_norm" as norm, kind]:
            return {f"model.{norm.removesuffix('_norm')}.layer_norm.{kind}": tensor}
        case [side, layer, around, "norm", kind]:
            return {f"model.{side}.layers.{layer}.{NORMS[around]}_layer_norm.{kind}": tensor}
        case [side, layer, "feed_forward", part, kind]:
            return {f"model.{side}.layers.{layer}.{'fc1' if part == 'expand' else 'fc2'}.{kind}": tensor}
        case [side, layer, attention, part, kind]:
            place = f"model.{side}.layers.{layer}.{ATTENTIONS[attention]}"
            if part == "key_value":
                return dict(zip((f"{place}.k_proj.{kind}", f"{place}.v_proj.{kind}"), tensor.chunk(2), strict=True))
            return {f"{place}.{'q_proj' if part == 'query' else 'out_proj'}.{kind}": tensor}
    raise SystemExit(f"transformers: unknown weight {name}")


def positions(length: int, width: int) -> Tensor:
    """Sines and cosines in turn, as ours are; Pegasus' own table has them side by side."""
    angle = torch.arange(length)[:, None] * 10_000 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


if __name__ == "__main__":
    main()
