"""The SMTP service: takes mail from strangers for local recipients, and from those who may relay for anywhere."""
