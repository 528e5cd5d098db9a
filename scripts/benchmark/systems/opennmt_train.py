"""OpenNMT-py: its model, loss, optimizer and the update of its Trainer, on the job's updates."""

import harness
import numpy as np
import pyonmttok
import torch_loop
from onmt.constants import DefaultTokens
from onmt.model_builder import build_model
from onmt.opts import train_opts
from onmt.trainer import build_trainer
from onmt.utils import Statistics
from onmt.utils.optimizers import Optimizer
from onmt.utils.parse import ArgumentParser


def main() -> None:
    job = harness.read_job()
    device = torch_loop.device_of(job)
    options, vocabularies = read_options(job), make_vocabularies(job["vocabulary"])
    rank = 0 if device.type == "cuda" else -1
    model = build_model(options, options, vocabularies, None, rank)
    trainer = build_trainer(options, rank, model, vocabularies, Optimizer.from_opt(model, options))
    trainer.model.train()

    def update(rows: harness.Update) -> float:
        target = np.concatenate([rows.tgt_in[:, :1], rows.tgt_out], 1)
        src, tgt = torch_loop.moved(device, rows.src[:, :, None], target[:, :, None])
        batch = {"src": src, "tgt": tgt, "srclen": (src[:, :, 0] != harness.PAD).sum(1)}
        found = Statistics()
        trainer._gradient_accumulation([batch], rows.tokens, Statistics(), found)
        return found.loss / found.n_words

    harness.measure_training(job, "OpenNMT-py", update, wait=torch_loop.waiting(device))


def read_options(job: dict) -> object:
    """As its command line would have them."""
    sizes, parser = job["model"], ArgumentParser()
    train_opts(parser)
    words = f"""
        --data {{}} --src_vocab none --tgt_vocab none --share_vocab --share_embeddings --share_decoder_embeddings
        --encoder_type transformer --decoder_type transformer --position_encoding --param_init 0 --param_init_glorot
        --enc_layers {sizes["encoder_layers"]} --dec_layers {sizes["decoder_layers"]} --heads {sizes["heads"]}
        --hidden_size {sizes["width"]} --word_vec_size {sizes["width"]} --transformer_ff {sizes["feed_forward"]}
        --dropout {sizes["dropout"]} --attention_dropout {sizes["attention_dropout"]}
        --label_smoothing {job["label_smoothing"]} --optim adam --adam_beta2 0.98 --learning_rate {job["lr"]}
        --max_grad_norm {job["clip"]} --normalization tokens --save_model none"""
    if job["device"] == "cuda":
        words += " --world_size 1 --gpu_ranks 0"
    options = parser.parse_args(words.split())
    options.data = {}  # no text: the updates are ids already
    ArgumentParser.update_model_opts(options)
    ArgumentParser.validate_model_opts(options)
    return options


def make_vocabularies(size: int) -> dict:
    """Made-up words, with the special ones where our ids have them."""
    special = [DefaultTokens.PAD, DefaultTokens.BOS, DefaultTokens.EOS, DefaultTokens.UNK]
    words = pyonmttok.build_vocab_from_tokens([*special, *(f"w{number}" for number in range(4, size))])
    assert [words[each] for each in special] == [harness.PAD, harness.BOS, harness.EOS, harness.UNK]
    return {"src": words, "tgt": words, "data_task": "seq2seq", "decoder_start_token": DefaultTokens.BOS}


if __name__ == "__main__":
    main()
