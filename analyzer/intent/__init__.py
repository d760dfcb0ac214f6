"""What BuildKit was told, and what follows from it: hosts, their order and trust, and networks."""

from analyzer.intent.buildx import (
    BuildxRewriting,
    Collision,
    CopiedFile,
    NotCopied,
    buildx_certificate_path,
)
from analyzer.intent.config import Config, rewrite_for_buildx
from analyzer.intent.explanation import Explanation, explain
from analyzer.intent.hosts import Host
from analyzer.intent.lint import LintFinding
from analyzer.intent.loading import load_config, parse_config
from analyzer.intent.model import KeyPair, RegistryConfig, WorkerConfig
from analyzer.intent.places import Place
from analyzer.intent.references import Reference, parse_reference
from analyzer.tables.urls import upstream_host

__all__ = [
    "BuildxRewriting",
    "Collision",
    "Config",
    "CopiedFile",
    "Explanation",
    "Host",
    "KeyPair",
    "LintFinding",
    "NotCopied",
    "Place",
    "Reference",
    "RegistryConfig",
    "WorkerConfig",
    "buildx_certificate_path",
    "explain",
    "load_config",
    "parse_config",
    "parse_reference",
    "rewrite_for_buildx",
    "upstream_host",
]
