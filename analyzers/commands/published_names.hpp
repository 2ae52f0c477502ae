#pragma once
// Names under which subcommands were published: links to the program `latency`, which
// analyzers/CMakeLists.txt makes.

namespace latency::commands {

struct published_name {
  const char* program;
  const char* subcommand;
};
inline constexpr published_name published_names[] = {
    {"analyze_latency_breakdown", "breakdown"},
    {"analyze_prompt_switch", "switch"},
    {"analyze_speedup", "speedup"},
    {"visualize_comprehensive_latency", "plot"},
};

}  // namespace latency::commands
