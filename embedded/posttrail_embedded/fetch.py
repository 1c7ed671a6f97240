"""Downloads Kafka's jars from Maven Central, once: `python -m posttrail_embedded.fetch`.

Each is checked against jars.lock before it gets its name, so a broken download leaves nothing and
the next run goes on where this one stopped.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import Artifact, MavenContext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from posttrail.errors import PosttrailError, Stop, Unreachable
from posttrail_embedded import jars

Advance = Callable[[], None]
_TIMEOUT_S = 30
WAIT = wait_exponential(max=8)
"""Between the tries of one jar."""


def _attempt(artifact: Artifact, jar: jars.Jar) -> Path:
    """One try; jgo itself only warns of a wrong sum, and takes half a file for a whole one."""
    artifact.cached_path.unlink(missing_ok=True)
    found: Path = artifact.resolve()
    if hashlib.sha256(found.read_bytes()).hexdigest() != jar.sha256:
        raise Stop(f"{jar.coordinate}: the download is not the file that jars.lock names")
    return found


def _download(jar: jars.Jar, context: MavenContext) -> Path:
    tries = Retrying(
        stop=stop_after_attempt(4),
        wait=WAIT,
        retry=retry_if_exception_type((OSError, RuntimeError)),
        reraise=True,
    )
    artifact = context.create_dependency(jar.coordinate).artifact
    return tries(_attempt, artifact, jar)


def _fetch_all(wanted: list[jars.Jar], place: Path, context: MavenContext, done: Advance) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = {pool.submit(_download, jar, context): jar for jar in wanted}
        try:
            for each in as_completed(waiting):
                each.result().replace(place / waiting[each].file_name)
                done()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def fetch(place: Path, done: Advance) -> None:
    """Fetch what is missing in `place`; `done` is called after each jar.

    Raises:
        posttrail.errors.Unreachable: the network or Maven Central is away.
        posttrail.errors.Stop: a file is not the locked one, or `place` cannot be written.
    """
    wanted = jars.missing(place)
    if not wanted:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".fetch-", dir=place))
    except OSError as error:
        raise Stop(f"cannot write Kafka's jars to {place}: {error.strerror}") from error
    try:
        _fetch_all(wanted, place, MavenContext(repo_cache=scratch, timeout=_TIMEOUT_S), done)
    except (OSError, RuntimeError) as error:
        raise Unreachable(
            f"cannot fetch Kafka's jars from Maven Central ({_cause(error)}); "
            "check the network and run the same again: what has arrived is kept"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _bar(total: int) -> Iterator[Advance]:
    columns = (
        TextColumn("Kafka's jars"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("jars", total=total)
        yield lambda: progress.advance(task)


def main() -> int:
    """Fetch with a progress bar; the exit code."""
    place = jars.directory()
    wanted = jars.missing(place)
    try:
        if wanted:
            with _bar(len(wanted)) as advance:
                fetch(place, advance)
    except PosttrailError as error:
        print(f"posttrail: {error}", file=sys.stderr)  # noqa: T201  # the terminal is the place
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
