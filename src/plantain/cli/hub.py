"""`plantain push | pull`: tuned generators on the Hugging Face hub, by its conventions of token, cache and cards."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.errors import MissingExtra, PainterError, UsageError
from plantain.models.painters.generators.weights import recipe

FILES = ["*.safetensors", "*.safetensors.index.json", "config.json", "*/config.json", "plantain.json", "README.md"]


def push(
    folder: Path,
    repo: str,
    /,
    *,
    private: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    message: str = "Tuned by Plantain",
) -> int:
    """Puts a tuned generator on the hub: weights, configuration and model card. Needs a token (`hf auth login`).

    Parameters
    ----------
    folder
        What `plantain train` wrote: RUN/tuned.
    repo
        OWNER/NAME; made where it is not there yet.
    private
        A new repository is for you alone.
    message
        What the commit says.
    """
    about = recipe(str(folder)) if folder.is_dir() else {}
    if not about:
        raise UsageError(
            f"{folder} is no tuned generator (it has no plantain.json); give the folder RUN/tuned of a run"
        )
    with _told(repo):
        from huggingface_hub import HfApi

        hub = HfApi(library_name="plantain")
        hub.create_repo(repo, private=private, exist_ok=True)
        made = hub.upload_folder(repo_id=repo, folder_path=folder, commit_message=message, allow_patterns=FILES)
    print(f"pushed; it is asked by: {_word(about, repo)}", file=sys.stderr)
    emit({"repo": repo, "generator": about["generator"], "commit": made.oid, "url": made.repo_url.url})
    return 0


def pull(
    repo: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    revision: str | None = None,
) -> int:
    """Brings a tuned generator from the hub, and says how it is asked.

    Parameters
    ----------
    repo
        OWNER/NAME.
    out
        A folder to put it in; the hub's cache when not said.
    revision
        A branch, tag or commit.
    """
    with _told(repo):
        from huggingface_hub import snapshot_download

        place = Path(snapshot_download(repo, revision=revision, local_dir=out, allow_patterns=FILES))
    about = recipe(str(place))
    if not about:
        raise UsageError(
            f"{repo} is no generator that Plantain tuned: it has no plantain.json; ask the adapter of another trainer "
            f"by: plantain PHOTO QUESTION -m GENERATOR --lora {repo}"
        )
    print(f"it is asked by: {_word(about, str(place))}", file=sys.stderr)
    emit({"repo": repo, "folder": str(place), "generator": about["generator"], "method": about["method"],
          "license": about["license"], "revision": about["revision"]})  # fmt: skip
    return 0


def _word(about: Mapping[str, Any], place: str) -> str:
    return f'plantain photo.jpg "metric depth" -m {about["generator"]} --lora {place}'


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """The hub's errors, a line each: what is wrong with the name or token (UsageError), or with the connection
    (PainterError)."""
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "tune") from error
    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise UsageError("there is no token of the hub here; run `hf auth login`, or set HF_TOKEN") from error
    except errors.HFValidationError as error:
        raise UsageError(f"{repo!r} is no name of a repository; give OWNER/NAME") from error
    except errors.GatedRepoError as error:
        raise UsageError(f"{repo} is gated: accept its terms at https://huggingface.co/{repo}") from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"there is no {repo} on the hub for you; check the name and the token") from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{repo} has no such revision; leave --revision out for its newest") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise UsageError(f"the token may not do this to {repo} ({status}); run `hf auth login` again") from error
        raise PainterError(f"the hub answered {status} for {repo}; try again later") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HTTPError, OSError) as error:
        raise UsageError(f"the hub cannot be reached for {repo} (offline, or HF_HUB_OFFLINE is set)") from error
