"""Functions that are compiled into what calls them, and by themselves only where Python calls them.

Numba optimises each function together with everything it calls, turns it into machine code and wraps it for Python,
before its caller is compiled in the same way: what lies four calls deep is compiled five times. A linked function
stays as the intermediate code that it was translated to. What Python calls is one whole: the functions that it calls
are linked in, made private, so that nothing outside can be called in their place, and all is optimised and turned
into machine code once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
from filelock import FileLock
from numba.core import compiler, lowering, sigutils, types, typing
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import BaseNativeLowering, NativeLowering

__all__ = ["LinkedFunction", "compile_callback"]


class _LinkedLibrary(JITCodeLibrary):
    """Intermediate code to be linked into other code."""

    def _optimize_final_module(self) -> None:
        """Leave that to what this is linked into."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _WholeLibrary(JITCodeLibrary):
    """Machine code in which nothing but its own function can be seen from outside."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == llvm.Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = llvm.Linkage.internal
        super()._optimize_final_module()


class _Lowering(BaseNativeLowering):
    lowering_class = lowering.Lower
    library_class: type[JITCodeLibrary]

    def run_pass(self, state: Any) -> bool:
        state.library = self.library_class(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        super().run_pass(state)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _WholeLowering(_Lowering):
    _name = "ikura_whole_lowering"
    library_class = _WholeLibrary


@register_pass(mutates_CFG=True, analysis_only=False)
class _LinkedLowering(_Lowering):
    _name = "ikura_linked_lowering"
    library_class = _LinkedLibrary

    def run_pass(self, state: Any) -> bool:
        flags = state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        super().run_pass(state)
        lowered = state["cr"]
        # What callers know it by, in place of an address.
        name = object()
        state.targetctx.insert_user_function(name, lowered.fndesc, [state.library])
        state.reload_init.extend(state.library._reload_init)
        state["cr"] = lowered._replace(cfunc=name)
        return True


def _pipeline(lowering_pass: type) -> type:
    class Pipeline(compiler.CompilerBase):
        def define_pipelines(self) -> list[Any]:
            usual = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
            passes = compiler.PassManager("ikura")
            for step, about in usual.passes:
                passes.add_pass(lowering_pass if step is NativeLowering else step, about)
            passes.finalize()
            return [passes]

    return Pipeline


LinkedPipeline, WholePipeline = _pipeline(_LinkedLowering), _pipeline(_WholeLowering)


class LockedCache(FunctionCache):
    """Numba's cache on disk, whose index several processes may write to at once without losing what another wrote."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where it can be."""
        with ExitStack() as held:
            with suppress(OSError):
                held.enter_context(FileLock(os.path.join(self.cache_path, "ikura-index.lock")))
            super().save_overload(sig, data)


def compile_callback(function: Callable[..., None], form: Any, options: dict[str, Any]) -> Any:
    """Compile a function for one signature, or load it from the cache; its `address` is that of its code."""
    made = CFunc(function, sigutils.normalize_signature(form), {}, options, pipeline_class=WholePipeline)
    made._cache = LockedCache(function)
    made.compile()
    return made


class LinkedFunction(CPUDispatcher):
    """A function that compiled code calls; where Python calls it, it is compiled by itself and kept on disk.

    Args:
        function: what is compiled.
        options: how.
        found: told the folder in which compiled code is kept, before any of it is loaded.
        plain: whether Python calls it as it is written.
    """

    def __init__(
        self, function: Callable[..., Any], options: dict[str, Any], found: Callable[[str], None], plain: bool = False
    ) -> None:
        super().__init__(function, targetoptions=options, pipeline_class=LinkedPipeline)
        self._found, self._plain = found, plain

    @cached_property
    def whole(self) -> Any:
        """The function with everything that it calls, as machine code."""
        options = self.targetoptions | {"no_cfunc_wrapper": True}
        made = CPUDispatcher(self.py_func, targetoptions=options, pipeline_class=WholePipeline)
        if os.path.exists(self.py_func.__code__.co_filename):
            made._cache = LockedCache(self.py_func)
            self._found(str(made.stats.cache_path))
        return made

    @property
    def stats(self) -> Any:
        """Where the whole is kept, and how often it was found there."""
        return self.whole.stats

    def __call__(self, *arguments: Any) -> Any:
        return self.py_func(*arguments) if self._plain else self.whole(*arguments)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Compile it for these types; a number that is written in the caller is a number like others."""
        signature, given = self._compiler.fold_argument_types(args, kws)
        self.compile(tuple(types.unliteral(one) for one in given))
        name = self.py_func.__name__
        made = typing.make_concrete_template(f"linked {name}", key=name, signatures=self.nopython_signatures)
        return made, signature, given, {}

    def add_overload(self, cres: Any) -> None:
        """Keep what was compiled, of which there is no address that Python could call."""
        self.overloads[tuple(cres.signature.args)] = cres
