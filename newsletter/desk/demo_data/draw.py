"""Draw every picture of the sample publication: `uv run python -m newsletter.desk.demo_data.draw`.

Run by hand when a picture shall change; the PNG files are kept with the texts, because the diagrams
need a font that a server lacks (Debian: fonts-noto-cjk). The same input draws the same pixels.
"""

from pathlib import Path

from newsletter.desk.demo_data import covers, diagrams

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    named = {f"cover-{draw.__name__}": draw for draw in covers.ALL} | {draw.__name__: draw for draw in diagrams.ALL}
    for name, draw in named.items():
        draw().save(FOLDER / f"{name.replace('_', '-')}.png")


if __name__ == "__main__":
    main()
