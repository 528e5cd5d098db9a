"""Joey NMT: its model, loss, optimizer and the training step of its TrainManager, on the job's updates."""

from types import SimpleNamespace

import harness
import joeynmt_model
import numpy as np
import torch_loop
from joeynmt.builders import build_gradient_clipper, build_optimizer
from joeynmt.training import TrainManager


def main() -> None:
    job = harness.read_job()
    device = torch_loop.device_of(job)
    model = joeynmt_model.build(job["model"], job["vocabulary"]).to(device)
    model.loss_function = ("crossentropy", job["label_smoothing"])
    settings = {"optimizer": "adam", "learning_rate": job["lr"], "adam_betas": (0.9, 0.98)}
    optimizer = build_optimizer(settings, model.parameters())
    clip = build_gradient_clipper({"clip_grad_norm": job["clip"], "clip_grad_val": None})
    manager = TrainManager.__new__(TrainManager)  # its constructor makes a run folder; its step needs only these
    manager.model, manager.n_gpu, manager.scaler, manager.device = model, int(device.type == "cuda"), None, device
    manager.autocast = {"device_type": device.type, "enabled": False}
    manager.args = SimpleNamespace(normalization="tokens", batch_multiplier=1)

    def update(rows: harness.Update) -> float:
        target = np.concatenate([rows.tgt_in[:, :1], rows.tgt_out], 1)
        loss, _ = manager._train_step(joeynmt_model.batch(rows.src, target, device))
        clip(parameters=model.parameters())
        optimizer.step()
        model.zero_grad()
        return loss

    harness.measure_training(job, "joeynmt", update, wait=torch_loop.waiting(device))


if __name__ == "__main__":
    main()
