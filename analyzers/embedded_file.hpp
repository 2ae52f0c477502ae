#pragma once
// Files as part of the program. The assembler puts them between two labels; a compiler would take
// minutes for an array of the size of ECharts. The source file that embeds must depend on the files
// (OBJECT_DEPENDS).

#include <cstddef>
#include <string_view>

#define LATENCY_EMBED(name, path)             \
  __asm__(                                    \
      ".section .rodata\n"                    \
      ".global latency_" #name                \
      "_begin\n"                              \
      ".global latency_" #name                \
      "_end\n"                                \
      "latency_" #name                        \
      "_begin:\n"                             \
      ".incbin \"" path                       \
      "\"\n"                                  \
      "latency_" #name                        \
      "_end:\n"                               \
      ".byte 0\n"                             \
      ".previous\n");                         \
  extern "C" {                                \
  extern const char latency_##name##_begin[]; \
  extern const char latency_##name##_end[];   \
  }

#define LATENCY_EMBEDDED(name)                                                  \
  {                                                                             \
    latency_##name##_begin,                                                     \
        static_cast<std::size_t>(latency_##name##_end - latency_##name##_begin) \
  }
