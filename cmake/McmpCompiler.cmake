# SPDX-License-Identifier: Apache-2.0
# Warnings as errors for everything of ours, and the sanitizers of the presets.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(mcmp_flags INTERFACE)
target_compile_options(mcmp_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes> -Wpointer-arith -Wcast-align=strict
  -Wwrite-strings -Wundef -Wvla -fno-strict-overflow -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  target_compile_options(mcmp_flags INTERFACE -Wno-unknown-warning-option -Wno-cast-align)
endif()
target_compile_definitions(mcmp_flags INTERFACE _GNU_SOURCE)
if(MCMP_SANITIZE)
  add_compile_options(-fsanitize=${MCMP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MCMP_SANITIZE})
endif()
# Coverage feedback for libFuzzer; the programs themselves link -fsanitize=fuzzer.
if(MCMP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
