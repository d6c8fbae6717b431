"""Reads and checks the files of records."""

from replication import files
from replication.errors import UserError

# The files of a run whose checksums its result.json tells.
CHECKED_FILES = ("initial.weights.h5", "final.weights.h5", "history.csv")

REMAKE = "`reproduce --remake_damaged`"
# Of the files that a run leaves beside its own, and of paths.
FILE_REMEDY = f"remove it, or give {REMAKE}, to have it made again"


def run_remedy(folder):
    """What a user does about a damaged run."""
    return f"remove the folder {folder}, or give {REMAKE}, to run it again"


def read_all(folder):
    """The content of a folder's JSON files that can be read, by name, and what is wrong with the others."""
    contents, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            contents.append(files.read_json(path, FILE_REMEDY))
        except UserError as error:
            problems.append(str(error))
    return contents, problems


def configuration_of(kind, content, where, remedy):
    """The configuration that a file's content has under that name.

    Args:
        kind: Its class: `configuration.Run`, `Sharpness`, ...
        content: Of the file.
        where: The file, for messages.
        remedy: What the user can do where it has none.

    Raises:
        UserError: there is none, or not of this kind.
    """
    fields = content.get("configuration")
    if not isinstance(fields, dict):
        raise UserError(f"{where}: has no object 'configuration' of a {kind.__name__.lower()}; {remedy}")
    try:
        return kind.from_json(fields)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def check_file(path, checksum, *, named_in, remedy):
    """Raises a UserError where `path` is there and is not the file that was written.

    Args:
        path: The file. A record may lack its weights (published results do).
        checksum: What `files.file_checksum` gave when it was written.
        named_in: Name of the file that tells the checksum.
        remedy: What the user can do.
    """
    if path.exists() and files.file_checksum(path) != checksum:
        raise UserError(f"{path}: damaged (its checksum is not the one in {named_in}); {remedy}")


def checksums(path):
    """By name the SHA-256 of CHECKED_FILES, as far as a result.json tells them.

    Raises:
        UserError: the file is damaged, or names others: names in a file must not lead out of its folder.
    """
    remedy = run_remedy(path.parent)
    found = files.read_json(path, remedy).get("checksums", {})
    if not isinstance(found, dict) or not set(found) <= set(CHECKED_FILES):
        raise UserError(f"{path}: damaged (checksums of other files than {', '.join(CHECKED_FILES)}); {remedy}")
    return found
