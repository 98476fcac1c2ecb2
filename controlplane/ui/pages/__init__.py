"""The pages, a module per subject. A page is an OrgPage that asks selectors and services and fills a template."""
