"""The plugin sender_list for Postroom."""

from setuptools import setup

setup(
    name="postroom-sender-list",
    version="0.1.0",
    packages=["postroom_sender_list"],
    install_requires=["postroom"],
    entry_points={"postroom.plugins": ["sender_list=postroom_sender_list.plugin"]},
)
