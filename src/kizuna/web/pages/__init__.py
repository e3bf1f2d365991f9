"""The pages, a module for each desk; what they share is in `kizuna.web.pages.page`."""
