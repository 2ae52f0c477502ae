#include "analyzers/analysis/span_names.hpp"

#include <string_view>
#include <utility>

namespace latency::analysis {
namespace {

constexpr std::pair<std::string_view, span_role> known_names[] = {
    {"interactive_text_encoding", span_role::text_encoding},
    {"text_encoding", span_role::text_encoding},
    {"prompt_switch_total", span_role::switch_total},
    {"prompt_switch_kv_reset", span_role::cache_reset},
    {"prompt_switch_crossattn_reset", span_role::cache_reset},
    {"prompt_switch_final_reset", span_role::cache_reset},
    {"prompt_switch_recache_setup", span_role::recache_setup},
    {"prompt_switch_recache", span_role::recache},
    {"interactive_kv_cache_update", span_role::cache_operation},
    {"kv_cache_update", span_role::cache_operation},
    {"kv_roll_and_insert", span_role::cache_operation},
    {"kv_ring_write", span_role::cache_operation},
    {"interactive_vae_decode", span_role::vae_decode},
    {"vae_decode", span_role::vae_decode},
    {"vae_decode_final", span_role::vae_decode},
    {"interactive_vae_input_prep", span_role::vae_other},
    {"vae_input_prep", span_role::vae_other},
    {"interactive_vae_postprocess", span_role::vae_other},
    {"vae_postprocess", span_role::vae_other},
};

}  // namespace

span_roles::span_roles(const string_table& strings) : roles_(strings.size(), span_role::other) {
  for (const auto& [name, role] : known_names) {
    const string_id id = strings.find(name);
    if (id < strings.size()) roles_[id] = role;
  }
}

}  // namespace latency::analysis
