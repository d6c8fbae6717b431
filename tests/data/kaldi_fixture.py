"""Makes a small folder in the formats of Kaldi's TIMIT recipe, whose pdf ids a network can learn."""

import gzip

import kaldiio
import numpy as np

DIM, CLASSES, PHONES = 40, 30, 5
SPEAKERS = {"train": ("FCJF0", "MDAC0"), "test": ("FELC0",)}
UTTERANCES_OF_A_SPEAKER = 4
# kaldiio's numbers of Kaldi's compression methods: speech features (CM), two bytes (CM2), one byte (CM3).
COMPRESSION = {"float": None, "CM": 2, "CM2": 3, "CM3": 5}


def make(folder, *, features="float", alignments="text.gz"):
    """Writes train/ and test/ below `folder`.

    Args:
        folder: A `pathlib.Path`.
        features: A key of COMPRESSION, or "double", "text" or "gz".
        alignments: "text", "text.gz", "binary" or "binary.gz".

    Returns:
        {split: {utterance: (features float32 [T, 40] before compression, labels int32 [T])}}.
    """
    content = {split: _utterances(split) for split in SPEAKERS}
    for split, utterances in content.items():
        (folder / split).mkdir(parents=True)
        _write_features(folder / split, {name: pair[0] for name, pair in utterances.items()}, features)
        _write_alignments(folder / split, {name: pair[1] for name, pair in utterances.items()}, alignments)
        (folder / split / "utt2spk").write_text("".join(f"{name} {name.split('_')[0]}\n" for name in utterances))
    return content


def _utterances(split):
    generator = np.random.default_rng(len(split))
    means = np.random.default_rng(0).normal(size=(CLASSES, DIM))
    utterances = {}
    for speaker in SPEAKERS[split]:
        for number in range(UTTERANCES_OF_A_SPEAKER):
            labels = np.repeat(generator.permutation(CLASSES), 3).astype(np.int32)[:generator.integers(60, 90)]
            if number == 0:
                labels[0] = CLASSES - 1
            features = means[labels] + generator.normal(scale=0.5, size=(len(labels), DIM))
            utterances[f"{speaker}_SX{number}"] = features.astype(np.float32), labels
    return utterances


def _write_features(folder, utterances, kind):
    if kind == "gz":
        for name, array in utterances.items():
            with gzip.open(folder / f"{name}.mat.gz", "wb") as file:
                kaldiio.save_mat(file, array)
        (folder / "feats.scp").write_text("".join(f"{name} {name}.mat.gz\n" for name in utterances))
        return
    if kind == "double":
        utterances = {name: array.astype(np.float64) for name, array in utterances.items()}
    kaldiio.save_ark(str(folder / "feats.ark"), utterances, scp=str(folder / "feats.scp"), text=kind == "text",
                     compression_method=COMPRESSION.get(kind))


def _write_alignments(folder, utterances, kind):
    plain = folder / "pdf.1.ark"
    if kind.startswith("binary"):
        kaldiio.save_ark(str(plain), utterances)
    else:
        plain.write_text("".join(f"{name} {' '.join(map(str, labels))}\n" for name, labels in utterances.items()))
    if kind.endswith("gz"):
        (folder / "pdf.1.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
