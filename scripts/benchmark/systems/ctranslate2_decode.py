"""CTranslate2 with an exported model: as many workers as threads, each with one, as its documentation advises."""

import ctranslate2
import harness
import sentencepiece


def main() -> None:
    job = harness.read_job()
    on_cpu = job["device"] == "cpu"
    harness.need_float32(ctranslate2.Translator(job["exported"], device=job["device"]).compute_type)
    engine = ctranslate2.Translator(
        job["exported"], device=job["device"], compute_type=job["precision"],
        inter_threads=job["threads"] if on_cpu else 1, intra_threads=1,
    )  # fmt: skip
    pieces = sentencepiece.SentencePieceProcessor(model_file=job["tokenizer"])

    def translate(lines: list[str]) -> list[str]:
        sources = pieces.encode(lines, out_type=str)
        found = engine.translate_batch(
            sources if job["adds_end"] else [[*each, "</s>"] for each in sources], beam_size=job["beam"],
            length_penalty=job["length_penalty"], max_batch_size=job["batch"], max_decoding_length=job["longest"],
            max_input_length=0,
        )  # fmt: skip
        return pieces.decode([each.hypotheses[0] for each in found])

    harness.measure_decoding(job, "ctranslate2", translate)


if __name__ == "__main__":
    main()
