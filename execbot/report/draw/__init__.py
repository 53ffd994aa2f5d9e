"""Charts as SVG: drawn here, so a report needs no script, no network and no library."""
