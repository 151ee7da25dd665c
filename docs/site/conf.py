"""How Sphinx turns the staged pages into the site. Nothing is asked of another host: fonts are the reader's own."""

project = "Masking gateway"
copyright = "the masking gateway's authors"
html_title = "Masking gateway"
extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4
myst_enable_extensions = ["html_admonition"]
nitpicky = True
suppress_warnings: list[str] = []
exclude_patterns: list[str] = []
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = "$ "
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
