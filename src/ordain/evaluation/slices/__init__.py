"""Parts of the rows judged by themselves: declared ones, found ones, protected ones."""
