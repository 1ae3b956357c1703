"""A path, a folder or a glob -> the files with texts, and the files that are left out."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastpost._inputs.formats import PACKED, SUFFIXES, is_about, is_beside_records, suffix_of
from fastpost._inputs.paths import is_no_path, odd_in_path
from fastpost._warn import warn_caller
from fastpost.exceptions import Argument, Words, describe, refuse


@dataclass(frozen=True)
class Folders:
    """Looks for files, and notes what could not be listed meanwhile."""

    format: str | None
    skip: bool
    """Whether a folder that can't be listed is left out, and kept in `faults`; otherwise its error is raised."""
    faults: list[OSError]
    linked: list[str] = field(default_factory=list)
    """Links to folders in the folder that was listed last: they are not followed, as they may lead around."""

    def files(self, pattern: str) -> list[str]:
        """The files of a path, a folder or a glob, sorted. Unlike `glob.glob` it says which folders it can't list.

        Raises:
            FileNotFoundError: if there are none.
            ValueError: for a folder with texts of several formats.
        """
        _refuse_odd(pattern)
        if os.path.isdir(pattern):
            return self._of_folder(pattern)
        if not os.path.lexists(pattern) and is_no_path(pattern):
            error = _no_file(f"{pattern[:77]}...", "no such file", _FROM_TEXTS)
            if not self.skip:
                raise error
            self.faults.append(error)
            return []
        if os.path.lexists(pattern) or not re.search(r"[*?[]", pattern):
            return [pattern]  # the reader tells what is wrong with it
        parts = Path(pattern).parts
        fixed = next(index for index, part in enumerate(parts) if re.search(r"[*?[]", part))
        root = os.path.join(*parts[:fixed]) if fixed else ""
        files = {path for path in self._match(root, parts[fixed:]) if os.path.isfile(path)}
        if not files:
            raise _no_file(pattern, "no file matches", _FROM_TEXTS)
        return sorted(files)

    def _of_folder(self, folder: str) -> list[str]:
        """The files with texts in a folder and its subfolders; a warning names the other files."""
        self.linked.clear()
        there = sorted(set(self._walk(folder)))
        if not there:
            links = (
                f", and links to folders ({_some(folder, self.linked)}), which are not followed" if self.linked else ""
            )
            raise _no_file(folder, f"no file matches: the folder has none; hidden ones are left out{links}")
        files = _of_format(there, self.format) if self.format else _of_one_format(folder, there)
        if not files:
            raise _no_file(folder, *_nothing_known(folder, there, self.format))
        _refuse_twins(folder, files)
        left = sorted(set(there) - set(files))
        if left:
            one = len(left) == 1
            why: Words = ("; pass a glob or ", Argument("format"), " to choose others")
            if self.format is not None:
                why = (", by ", Argument("format", (self.format,)), "; pass a glob to choose others")
            warn_caller(
                f"{len(left):,} {'file' if one else 'files'} of the folder {folder} {'is' if one else 'are'} left out: "
                f"{_some(folder, left)}",
                *why,
            )
        if self.linked:
            one = len(self.linked) == 1
            warn_caller(
                f"{len(self.linked):,} {'link to a folder is' if one else 'links to folders are'} left out of the folder "
                f"{folder}: {_some(folder, self.linked)}; pass a list of the folders to read {'it' if one else 'them'}, too"
            )
        return files

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder or ".") as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            if not self.skip:
                raise
            if error.filename not in [fault.filename for fault in self.faults]:
                self.faults.append(error)
            return []

    def _walk(self, folder: str) -> Iterator[str]:
        for entry in self._list(folder):
            if entry.name.startswith("."):
                continue
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)
            elif entry.is_dir():
                self.linked.append(path)
            elif entry.is_file() or (entry.is_symlink() and not os.path.exists(path)):
                yield path  # pipes and devices would be waited for without end; a link to nothing is reported

    def _match(self, folder: str, parts: tuple[str, ...]) -> Iterator[str]:
        head, rest = parts[0], parts[1:]
        if head == "**":
            if rest:
                yield from self._match(folder, rest)
            for entry in self._list(folder):
                path = os.path.join(folder, entry.name)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._match(path, parts)
                elif not rest:
                    yield path
            return
        for entry in self._list(folder):
            if entry.name.startswith(".") and not head.startswith("."):
                continue
            if fnmatch.fnmatchcase(entry.name, head):
                path = os.path.join(folder, entry.name)
                if not rest:
                    yield path
                elif entry.is_dir():
                    yield from self._match(path, rest)


def _refuse_odd(path: str) -> None:
    """Refuses a name that no file can have."""
    source = Argument("source")
    if not path:
        raise refuse(ValueError, source, " is an empty path", cure="pass the path of a file or folder")
    if re.match(r"[a-z][a-z0-9+.]+://", path):
        cure = "open it (fsspec.open) and pass the file object"
        raise refuse(ValueError, f"{path:.80} is not a local path", cure=cure, argument="source")
    odd = odd_in_path(path)
    if odd is not None:
        raise refuse(ValueError, source, f" is {ascii(path)[:80]}, a path with {odd} in it", cure=_FROM_TEXTS)


def _of_format(there: list[str], format: str) -> list[str]:  # noqa: A002  (as `Corpus` calls it)
    """The files of `format` by their names; if it is text, or there are none, also those whose names say nothing."""
    named = [path for path in there if SUFFIXES.get(suffix_of(path)) == format]
    unknown = [path for path in there if suffix_of(path) not in SUFFIXES or suffix_of(path) == ""]
    return sorted({*named, *unknown}) if format == "text" or not named else named


def _of_one_format(folder: str, there: list[str]) -> list[str]:
    """The files with texts, without those that are about them.

    Raises:
        ValueError: if they are of several formats.
    """
    known = [path for path in there if suffix_of(path) in SUFFIXES]
    texts = [path for path in known if not is_about(path)] or known
    records = [path for path in texts if SUFFIXES[suffix_of(path)] != "text"]
    if records:
        texts = records + [path for path in texts if path not in set(records) and not is_beside_records(path)]
    # A file without any bytes is of every format.
    formats = Counter(SUFFIXES[suffix_of(path)] for path in texts if _holds_bytes(path))
    if len(formats) == 1 or not formats:
        return sorted(texts)
    found = "; ".join(
        f"{count:,} {name} ({_some(folder, [path for path in texts if SUFFIXES[suffix_of(path)] == name], 2)})"
        for name, count in sorted(formats.items())
    )
    chosen = max(formats, key=lambda name: (name != "text", formats[name]))
    end = next(suffix_of(path) for path in texts if SUFFIXES[suffix_of(path)] == chosen and _holds_bytes(path))
    raise refuse(
        ValueError,
        f"the folder {folder} holds texts of several formats: {found}",
        cure=(
            "; pass ",
            Argument("format", (chosen,)),
            f" or another to read those alone, or a glob such as {os.path.join(folder, '**', f'*{end}')}",
        ),
        file=folder,
    )


def _holds_bytes(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return True  # the reader tells what is wrong with it


def _refuse_twins(folder: str, files: list[str]) -> None:
    """Refuses a file beside a packed copy of it or a link to it: its texts would count twice."""
    plain: dict[str, str] = {}
    real: dict[str, str] = {}
    linked = any(map(os.path.islink, files))
    for path in files:
        name = next((path.removesuffix(end) for end in PACKED if path.endswith(end)), path)
        twin = plain.setdefault(name, path)
        if twin == path and linked:
            twin = real.setdefault(os.path.realpath(path), path)
        if twin != path:
            raise refuse(
                ValueError,
                f"the folder {folder} holds {os.path.relpath(twin, folder)} and {os.path.relpath(path, folder)}, which "
                "would be one file read twice",
                cure="remove one, or pass a list of the files",
                file=path,
            )


def _nothing_known(folder: str, there: list[str], format: str | None) -> tuple[str, Words]:  # noqa: A002
    many = f"{len(there):,} {'file' if len(there) == 1 else 'files'}: {_some(folder, there)}"
    if format is not None:
        return f"no file matches: none of the names says {format} ({many})", ()
    known = ", ".join(end for end in SUFFIXES if end)
    reason = f"no file matches: no name ends as known ({known}; {many})"
    return reason, ("; ", Argument("format", ("text",)), " takes them as text files")


def _some(folder: str, paths: Sequence[str], most: int = 3) -> str:
    """The first few names, relative to the folder."""
    names = [os.path.relpath(path, folder) for path in paths[:most]]
    return ", ".join(names) + (f" and {len(paths) - most:,} more" if len(paths) > most else "")


_FROM_TEXTS: Words = ("; a list of texts is passed as ", Argument("Corpus.from_texts"))


def _no_file(pattern: str, reason: str, cure: Words = ()) -> FileNotFoundError:
    words = (reason, *cure)
    error = FileNotFoundError(errno.ENOENT, "".join(map(str, words)), pattern)
    return describe(error, words, cure, file=pattern)
