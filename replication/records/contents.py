"""Reads and checks the files of records."""

from replication import files
from replication.errors import UserError


def read_all(folder):
    """The content of a folder's JSON files that can be read, by name, and what is wrong with the others."""
    contents, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            contents.append(files.read_json(path))
        except UserError as error:
            problems.append(str(error))
    return contents, problems


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
