"""Configuration of the documentation: Sphinx, MyST notebooks, the PyData theme.

    make docs

Nothing is fetched, neither when the pages are built nor when they are read.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # notebooks run beside each other
os.environ["TTY_COMPATIBLE"] = "0"  # no progress bars and colors in the output of cells
os.environ["COLUMNS"] = "80"  # of tables that commands print
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STARTUP = HERE / "_build" / "ipython" / "profile_default" / "startup"
STARTUP.mkdir(parents=True, exist_ok=True)
shutil.copy(HERE / "_ext" / "bash_cells.py", STARTUP)
os.environ["IPYTHONDIR"] = str(HERE / "_build" / "ipython")

project = "regkit"
author = "The regkit developers"
copyright = "The regkit developers, Apache-2.0"  # noqa: A001 - Sphinx asks for this name

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "generated",
    "self_contained",
]
exclude_patterns = ["_build", "_generated", "_ext"]
templates_path = ["_templates"]
nitpicky = True
# Names of other libraries, and words in single backticks that are no names: there is no inventory
# of other projects to look them up in without a network.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (
        r"py:.*",
        r"(numpy|np|torch|collections|contextlib|importlib|os|pathlib|types|typing|PIL|pluggy|SimpleITK|sitk)\b.*",
    ),
    (r"py:class", r"(Any|Path|(Image\.)?Image|NDArray|.*\[.*|.*\.[A-Z]|.*\.Any(Volume|Spec))"),
]

# ---- pages
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

# ---- notebooks: run at every build; an error in a cell fails it
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_ipywidgets_js = {}  # by default scripts from a CDN

# ---- docstrings
default_role = "autolink"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
autosummary_generate = False
numpydoc_show_class_members = False

# ---- look
html_theme = "pydata_sphinx_theme"
html_title = "regkit"
html_sidebars = {"glossary": [], "release-notes": [], "index": []}
html_static_path = ["_static"]
html_css_files = ["regkit.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # these are fetched, which a browser refuses from a folder
html_theme_options = {
    "logo": {"text": "regkit"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "secondary_sidebar_items": {  # none beside results: room for wide tables
        "results/**": [],
        "methods/**": [],
        "tutorials/**": ["page-toc"],
        "how-to/**": ["page-toc"],
        "reference/**": ["page-toc"],
        "explanation/**": ["page-toc"],
        "glossary": ["page-toc"],
        "release-notes": ["page-toc"],
    },
    "header_links_before_dropdown": 8,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
}
