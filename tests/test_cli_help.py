"""What `fastpost --help` and `COMMAND --help` show, what is imported for it, and completion in a shell."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("typer")
from typer.main import get_command

import fastpost
from fastpost._inputs.option import ABSENT as NO_OTHER
from fastpost.cli import main
from fastpost.cli.app import COMMANDS, build_app
from fastpost.cli.entity_options import ABSENT
from fastpost.cli.help import ALIASES, EXAMPLES, GROUPS
from fastpost.entities.options import ENTITY_OPTIONS
from in_process import call

PROGRAM = get_command(build_app())
OWN = [
    one
    for one in ENTITY_OPTIONS.values()
    if one.own_only and one.name not in ABSENT and isinstance(one.default, (str, float))
]
PATHS = [*COMMANDS, *(f"bench {name}" for name in PROGRAM.commands["bench"].commands)]


def command_at(path):
    found = PROGRAM
    for name in path.split():
        found = found.commands[name]
    return found


@pytest.fixture(params=[60, 80, 200])
def columns(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


@pytest.mark.parametrize("path", ["", *PATHS])
def test_the_page_of_a_command(path, columns):
    """The help has groups, three examples and no broken line: names of values are whole at any width."""
    page = call(*path.split(), "--help").stdout
    lines = page.split("\n")
    assert lines[0].startswith(f"Usage: fastpost {path}".rstrip())
    assert all(f"  {line}" in lines for line in EXAMPLES[path or "fastpost"])
    heads = [line for line in lines if line and line[0] != " " and line in GROUPS]
    assert heads == [title for title in GROUPS if title in heads]
    assert heads[-1:] == ["About"]
    if columns >= 80:
        wide = [line for line in lines if len(line) > min(columns, 100)]
        assert not wide
    command = command_at(path)
    for param in command.params:
        assert (
            getattr(param, "hidden", False)
            or param.param_type_name == "argument"
            or all(re.search(rf"(^|[ ,]){re.escape(name)}\b", page, re.MULTILINE) for name in param.opts)
        ), param.name


def test_names_of_values_are_whole():
    """Choices used to be in a column of 20 letters: `raise|skip|replac` and below it `e`."""
    page = call("ner", "--help").stdout
    for name, values in [
        ("--on-error", "raise|skip|replace"),
        ("--format", "text|jsonl|csv|tsv|parquet|arrow"),
        ("--window-merge", "context|average|union|transformers"),
        ("--backend", "torch|onnxruntime"),
    ]:
        assert f"  {name} {values}" in page
    assert "<bool>" not in page
    assert page.index("Examples") < page.index("Input") < page.index("Output") < page.index("Entities")


@pytest.mark.parametrize("path", PATHS)
def test_every_option_says_what_it_is_for(path):
    """On Python 3.10 those with the default None had lost what was said about them, their limits included."""
    for param in command_at(path).params:
        assert param.name == "help" or (getattr(param, "help", None) or "").strip(), param.name


def test_help_into_a_pipe_that_is_closed():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "fastpost", "ner", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_every_option_has_a_place():
    listed = [name for names in GROUPS.values() for name in names]
    assert len(listed) == len(set(listed))
    there = {param.name for path in ["", *PATHS] for param in command_at(path).params} - {"debug"}
    assert there <= set(listed), there - set(listed)


@pytest.mark.parametrize("path", ["fastpost", "bench", *PATHS])
def test_examples_are_lines_that_can_be_typed(path):
    """Each example names existing options and fits in 80 columns."""
    for line in EXAMPLES[path]:
        assert len(line) <= 78, line
        words = shlex.split(line.split("|")[-2] if "| head" in line else line.split("|")[-1])
        words = words[words.index("fastpost") + 1 :]
        name = " ".join(words[: 2 if words[0] == "bench" else 1])
        if path != "fastpost":
            assert name.startswith(path.split()[0])
        options = {option for param in command_at(name).params for option in (*param.opts, *param.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name):
    """The list of commands is read without importing the commands' files."""
    first = (PROGRAM.commands[name].help or "").split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name].help


def test_without_a_word_it_shows_what_it_can_do():
    assert call().stdout == call("--help").stdout
    assert "compare" in call().stdout
    assert call("bench").stdout == call("bench", "--help").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("ner", "Missing argument 'FILE...'. (fastpost ner --help)"),
        ("ner x --redact", "Option '--redact' requires an argument. (fastpost ner --help)"),
        ("bench ner x --model", "Option '--model' requires an argument. (fastpost bench ner --help)"),
        ("ner x --model m --stride -1", "'--stride': Input should be greater than or equal to 0 (fastpost ner --help)"),
        ("merge-counts", "Missing argument 'FILE...'. (fastpost merge-counts --help)"),
        ("ner x --model m --treshold 1", "Possible options: --threads, --threshold) (fastpost ner --help)"),
        ("ner x --model m --compat right", "'--compat': 'right' is not one of 'fastpost', 'transformers'. (fastpost ner --help)"),
        ("nre", "No such command 'nre'. Did you mean 'ner'? (fastpost --help)"),
        ("bench nr", "No such command 'nr'. Did you mean 'ner'? (fastpost bench --help)"),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_names_what_is_near_and_the_help_of_its_command(words, says):
    assert says in call(*words.split(), check=2).stderr


def test_version_loads_no_extension_and_needs_no_typer():
    script = (
        "import sys\nsys.modules['typer'] = None\nfrom fastpost.cli import main\nassert main(['--version']) == 0\n"
        "print({'numpy', 'fastpost._fastpost', 'rich'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [fastpost.__version__, "set()"]


def test_help_and_version_import_no_numpy():
    script = (
        "import sys\nfrom fastpost.cli import main\nassert main(sys.argv[1:]) == 0\n"
        "print({'numpy', 'tokenizers', 'pyarrow', 'torch'} & sys.modules.keys())"
    )
    for arguments in (["--version"], ["--help"]):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("words", "found"),
    [("fastpost n", "ner"), ("fastpost ner --on", "--on-long-text"), ("fastpost ner --on-error s", "skip")],
)
def test_a_shell_can_complete(words, found, monkeypatch, capsys):
    monkeypatch.setenv("_FASTPOST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert found in capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [("fastpost n", "ner"), ("fastpost ner --on", "--on-long-text"), ("fastpost ner --on-error s", "skip")],
)
@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell", "pwsh"])
def test_other_shells_complete_what_bash_does(shell, line, found, monkeypatch, capsys):
    monkeypatch.setenv("_FASTPOST_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", line.split()[-1])
    with pytest.raises(SystemExit):
        main([])
    assert re.search(rf"^\W*{found}\b", capsys.readouterr().out.replace("_arguments", ""), re.MULTILINE)


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_with_what_is_installed(tmp_path, monkeypatch):
    """Completion offers commands and values, and files where the program has no names to offer."""
    program = tmp_path / "bin" / "fastpost"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fastpost "$@"\n')
    program.chmod(0o755)
    (tmp_path / "mails.jsonl").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def fish(script):
        done = subprocess.run(["fish", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    (tmp_path / ".config" / "fish" / "completions").mkdir(parents=True)
    shown = "\n".join(fish("env _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 fastpost --show-completion fish"))
    (tmp_path / ".config" / "fish" / "completions" / "fastpost.fish").write_text(shown)
    for line, found in [
        ("fastpost n", "ner"),
        ("fastpost ner --on-error s", "skip"),
        ("fastpost ner ma", "mails.jsonl"),
    ]:
        assert fish(f"complete -C '{line}'") == [found]


def test_install_completion_is_offered():
    assert "--install-completion [SHELL]" in call("--help").stdout


@pytest.mark.parametrize(
    ("shell", "says"),
    [
        ("bash", "complete -o default -F _fastpost_completion fastpost"),
        ("zsh", "#compdef fastpost"),
        ("fish", "complete --command fastpost"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName fastpost"),
        ("pwsh", "Register-ArgumentCompleter -Native -CommandName fastpost"),
    ],
)
def test_the_script_of_a_shell_that_is_named(shell, says):
    """The name used to be ignored: the command printed the script of the surrounding shell."""
    done = call("--show-completion", shell)
    assert done.stderr == ""
    assert says in done.stdout
    if "p" in shell:  # the program reads what PowerShell passes
        for name in ("_FASTPOST_COMPLETE", "_TYPER_COMPLETE_ARGS", "_TYPER_COMPLETE_WORD_TO_COMPLETE"):
            assert f"$Env:{name} = " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--show-completion", "csh"], "--show-completion is csh; pass bash, zsh, fish, powershell or pwsh"),
        (["--install-completion=csh"], "--install-completion is csh; pass bash, zsh, fish, powershell or pwsh"),
        (["--show-completion", "bash", "x"], "--show-completion is bash x; pass bash, zsh, fish, powershell or pwsh"),
        (["--install-completion", "pwsh"], "fastpost --show-completion pwsh >> $PROFILE"),
    ],
)
def test_shells_that_are_refused(arguments, says):
    done = call(*arguments, check=2)
    assert done.stdout == ""
    assert says in done.stderr


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bash_completions/fastpost.sh"),
        ("zsh", ".zfunc/_fastpost"),
        ("fish", ".config/fish/completions/fastpost.fish"),
    ],
)
def test_completion_is_installed_for_the_shell_that_is_named(shell, file, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    call("--install-completion", shell)
    assert (tmp_path / file).read_text().strip() == call("--show-completion", shell).stdout.strip()


@pytest.mark.parametrize("name", ALIASES)
def test_a_command_under_another_name(name):
    done = call(name, "mails.jsonl", check=2)
    assert f"there is no command {name}; it is: fastpost {ALIASES[name]}" in done.stderr
    assert ALIASES[name].split()[0] in COMMANDS


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("ner", "average; simple with --redact or --compat transformers."),
        ("view", "average; simple with --compat transformers."),
        ("compare", "average."),
        ("bench ner", "simple; average with --compat fastpost."),
    ],
)
def test_the_default_of_a_strategy_is_that_of_the_command(path, default):
    """Commands without --redact used to mention it, and none mentioned --compat."""
    page = " ".join(call(*path.split(), "--help").stdout.split())
    assert f"How tokens become entities; default: {default}" in page


@pytest.mark.parametrize("name", ["ner", "view", "compare"])
def test_the_help_of_an_option_has_its_default_and_that_of_redaction(name):
    """`ner --redact` has other defaults than `ner`, which its help did not say."""
    page = " ".join(call(name, "--help").stdout.split())
    others = {"join": "run", "window_merge": "union", "outside_bias": "2"}
    assert {one.name for one in OWN if one.redaction is not NO_OTHER} == others.keys()
    for option in OWN:
        value = f"{option.default:g}" if isinstance(option.default, float) else option.default
        told = option.doc.removesuffix(".") + ("" if "default: " in option.doc else f". Default: {value}")
        more = f"; {others[option.name]} with --redact" if name == "ner" and option.name in others else ""
        assert f"{told}{more}." in page, option.name
