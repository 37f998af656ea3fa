"""`make handout` writes the notebooks twice: for students without the solutions, for their teacher with them."""

import checkout
import handout


def test_students_get_no_solution_and_teachers_all(tmp_path, capsys):
    handout.main([], tmp_path)
    names = {path.name for path in checkout.stored_notebooks()}
    for reader in ("student", "teacher"):
        assert {path.name for path in (tmp_path / reader).iterdir()} == names
    for path in checkout.stored_notebooks():
        stored = checkout.read(path).cells
        student = checkout.read(tmp_path / "student" / path.name).cells
        assert student == [cell for cell in stored if "solution" not in checkout.tags(cell)]
        assert checkout.read(tmp_path / "teacher" / path.name).cells == stored
