"""What a benchmark hands to PyTorch: tensors in a safetensors file, settings as JSON in its metadata, and on stdin a line
with the number of steps to run, and behind it how, where a script knows several ways. Each line is answered by one of JSON:
milliseconds a step, those of the processor, the most memory that the process ever had, and what the last step gave."""
import json
import resource
import sys
import time

import numpy as np
import sympy.core.numbers
import torch

# PyTorch's optimizers load its compiler, and that a function that Debian's SymPy is too old to have; nothing here is compiled.
if not hasattr(sympy.core.numbers, "equal_valued"):
    sympy.core.numbers.equal_valued = lambda a, b: a == b

TYPES = {"F32": np.float32, "I32": np.int32}


def read(path):
    """Tensors by name, and the settings."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    settings = json.loads(header.pop("__metadata__")["settings"])
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.array(data[begin:end]).view(TYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array)
    torch.set_num_threads(settings["threads"])
    return tensors, settings


def under(tensors, prefix):
    """The entries whose names start with a prefix, named without it."""
    return {name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def serve(step):
    """Runs `step(number, *way)`, which returns a dict, as often as each line of stdin says."""
    print(json.dumps({"torch": torch.__version__}), flush=True)
    number = 0
    for line in sys.stdin:
        count, *way = line.split()
        start, before = time.perf_counter(), time.process_time()
        for _ in range(int(count)):
            report = step(number, *way)
            number += 1
        cost = {"ms": (time.perf_counter() - start) * 1e3 / int(count)}
        cost["cpu_ms"] = (time.process_time() - before) * 1e3 / int(count)
        cost["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**cost, **report}), flush=True)
