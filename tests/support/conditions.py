"""Finds the conditions of C++ sources and writes a copy in which each can be made to answer the opposite.

A condition is an operand of the `||` and `&&` of an `if`, of what stands before a `?`, or of a returned value: the
innermost that is not itself made of these. Loops are left out (to flip one is to hang), and so is what is decided
when the program is compiled. Also reads the list of conditions that no test need notice (tests/mutants.survivors).
"""
# SPDX-License-Identifier: MIT
import re
from collections import Counter, namedtuple

# occurrence: 1 for the first condition of this text in this file, 2 for the next
Condition = namedtuple("Condition", "file line text occurrence")

LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:[^"\\\n]|\\.)*"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'|^[ \t]*\#[^\n]*""",
    re.DOTALL | re.MULTILINE)
# Left of a `?`, whatever binds less tightly than `||` ends its condition.
BEFORE_CONDITION = re.compile(r"(?<![=!<>+\-*/%&|^])=(?!=)|[+\-*/%&|^]=|<<=|>>=|[,;?]|(?<!:):(?!:)|\breturn\b")


def masked(text):
    """The same length, with the insides of literals, comments and directives made of underscores."""
    return LITERAL.sub(lambda match: re.sub(r"[^\n]", "_", match.group()), text)


def matching(mask, at, step=1):
    """Position of the parenthesis that belongs to the one at `at`; -1 if there is none."""
    opening, closing = ("([{", ")]}") if step > 0 else (")]}", "([{")
    depth = 0
    while 0 <= at < len(mask):
        if mask[at] in opening:
            depth += 1
        elif mask[at] in closing:
            depth -= 1
            if depth == 0:
                return at
        at += step
    return -1


def split(mask, begin, end, separator):
    """Ranges between the separators that are in no parentheses."""
    ranges = []
    at = start = begin
    while at < end:
        if mask[at] in "([{":
            at = matching(mask, at) + 1
        elif mask.startswith(separator, at):
            ranges.append((start, at))
            at += len(separator)
            start = at
        else:
            at += 1
    return ranges + [(start, end)]


class Source:
    """The conditions of one file."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.mask = masked(text)
        self.ranges = []  # begin, end
        for begin, end in self._expressions():
            self._operands(begin, end)
        # One inside another (a lambda's in an argument) would be changed twice: the inner one counts.
        self.ranges = [outer for outer in sorted(set(self.ranges))
                       if not any(outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1] for inner in self.ranges)]
        seen = Counter()
        self.conditions = []
        for begin, end in self.ranges:
            words = " ".join(text[begin:end].split())
            seen[words] += 1
            self.conditions.append(Condition(name, text.count("\n", 0, begin) + 1, words, seen[words]))

    def _expressions(self):
        mask = self.mask
        for match in re.finditer(r"\bif \(", mask):
            begin, end = match.end(), matching(mask, match.end() - 1)
            begin = split(mask, begin, end, ";")[-1][0]
            if not self._declares(begin, end):
                yield begin, end
        for match in re.finditer(r"\breturn\b", mask):
            end = match.end()
            while mask[end] != ";":  # one in a lambda does not count
                end = matching(mask, end) + 1 if mask[end] in "([{" else end + 1
            parts = split(mask, match.end(), end, "||")
            if "?" not in mask[match.end():end] and (len(parts) > 1 or len(split(mask, *parts[0], "&&")) > 1):
                yield match.end(), end
        for match in re.finditer(r"\?", mask):
            begin = self._begin_before(match.start())
            if mask[begin:match.start()].strip():
                yield begin, match.start()

    def _begin_before(self, at):
        """Where the condition before the `?` at `at` begins."""
        end = at
        while at > 0 and self.mask[at - 1] not in "([{":
            if self.mask[at - 1] in ")]}":
                at = matching(self.mask, at - 1, -1)
                continue
            found = [match.end() for match in BEFORE_CONDITION.finditer(self.mask, max(0, at - 8), end) if match.end() == at]
            if found:
                break
            at -= 1
        return at

    def _declares(self, begin, end):
        """`if (Type name = value)` is no expression."""
        flat = "".join(self.mask[a:b] for a, b in split(self.mask, begin, end, "\0"))
        flat = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", flat)
        return re.match(r"\s*(?:const\s+)?(?:auto|[A-Za-z_][\w:<>, ]*)[\s*&]+\w+\s*=[^=]", flat) is not None

    def _operands(self, begin, end):
        while begin < end and self.mask[begin].isspace():
            begin += 1
        while begin < end and self.mask[end - 1].isspace():
            end -= 1
        for separator in ("||", "&&"):
            ranges = split(self.mask, begin, end, separator)
            # Of `a ? b || c : d` the `?` is the outermost.
            if len(ranges) > 1 and len(split(self.mask, begin, end, "?")) == 1:
                for part in ranges:
                    self._operands(*part)
                return
        if self.mask[begin] == "(" and matching(self.mask, begin) == end - 1:
            self._operands(begin + 1, end - 1)
        elif self.text[begin:end] not in ("true", "false"):
            self.ranges.append((begin, end))

    def flipped(self, first):
        """The text with condition i asking for the number first + i."""
        out, at = ['#include "base/mutant.h"\n#line 1\n'], 0
        for i, (begin, end) in enumerate(self.ranges):
            out.append(self.text[at:begin])
            out.append(f"(::pwalk::mutant::flip({first + i}) != static_cast<bool>({self.text[begin:end]}))")
            at = end
        return "".join(out) + self.text[at:]


def read_survivors(text):
    """(file, text of the condition, occurrence) -> reason. ValueError names a line that is not understood."""
    reasons, key = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            if key is None:
                raise ValueError(f"line {number}: a reason without a condition")
            reasons[key] = (reasons[key] + " " + line.strip()).strip()
            continue
        match = re.fullmatch(r"([\w./]+?)(?:#(\d+))?: (.+)", line)
        if not match:
            raise ValueError(f"line {number}: not 'FILE: CONDITION'")
        key = (match.group(1), match.group(3), int(match.group(2) or 1))
        if key in reasons:
            raise ValueError(f"line {number}: listed before")
        reasons[key] = ""
    for key, reason in reasons.items():
        if not reason:
            raise ValueError(f"{key[0]}: {key[1]}: no reason")
    return reasons
