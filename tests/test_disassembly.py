"""The matrix product's innermost loops as the compiler made them: whatever it spills to the stack, it does not compute.

Reads the native modules with objdump; skipped where there is none, or where an installation has dropped the symbols.
"""

import importlib.util
import re
import shutil
import subprocess

import pytest

# Not cpu_v2: without multiply-add a product needs a register of its own, one more than its 16.
MODULES = [name for name in ("cpu_v3", "cpu_v4") if importlib.util.find_spec(f"pyengine.{name}")]
MICRO_KERNELS = re.compile(r"\bpe::gemm::(tile|dots)<(?:float|double), (\d), (\d)")
# Eight bytes (vmovq) are an address that the compiler has parked beside its general registers, no vector.
SPILL = re.compile(r"^(?!v?movq\b).*(?:%[xyz]mm\d+,[-\w]*\(%r[sb]p|[-\w]*\(%r[sb]p[^)]*\),.*%[xyz]mm)")


def functions(module: str) -> dict[str, list[str]]:
    """The instructions of each micro-kernel, by its full name."""
    if shutil.which("objdump") is None:
        pytest.skip("needs objdump")
    path = importlib.util.find_spec(f"pyengine.{module}").origin
    text = subprocess.run(
        ["objdump", "-d", "-C", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[str]] = {}
    current = None
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            current = found.setdefault(head[1], []) if MICRO_KERNELS.search(head[1]) else None
        elif current is not None and "\t" in line:
            current.append(line.split("\t", 1)[1])
    if not found:
        pytest.skip("this installation has no symbols")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_micro_kernels_keep_their_sums_in_registers(module) -> None:
    found = functions(module)
    assert len(found) >= 70
    for name, instructions in found.items():
        rows, vectors = (int(n) for n in MICRO_KERNELS.search(name).groups()[1:])
        arithmetic = [i for i in instructions if re.match(r"v?f?n?m?(fmadd|mulp|addp)", i)]
        assert len(arithmetic) >= rows * vectors, f"{name}: is this the kernel?"
        assert not [i for i in instructions if SPILL.search(i)], name


def test_a_spill_would_be_seen() -> None:
    assert SPILL.search("vmovaps %ymm3,-0x40(%rsp)")
    assert SPILL.search("vmovups %zmm3,0x80(%rbp)")
    assert SPILL.search("vfmadd231ps 0x20(%rsp),%ymm1,%ymm2")
    assert not SPILL.search("vmovups %ymm3,(%rax,%rcx,4)")
    assert not SPILL.search("vbroadcastss (%rdx),%ymm4")
    assert not SPILL.search("vmovq  %xmm3,-0x20(%rsp)")
