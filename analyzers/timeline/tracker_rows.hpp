#pragma once
// Rows of the older tracker's tables, from JSON objects: what is absent or absurd in them counts as
// absent.

#include <simdjson.h>

#include <optional>
#include <string>

#include "analyzers/timeline/tracker_file.hpp"

namespace latency::timeline {

class tracker_rows {
 public:
  // Appends to `file`, which must outlive it.
  explicit tracker_rows(tracker_file& file) : file_(file) {}

  // Of "configuration", "metadata" and other objects without rows.
  void add_facts(const simdjson::dom::object& from);
  void add_event(const std::string& component, const simdjson::dom::object& from);
  void add_gap(const simdjson::dom::object& from);
  void add_latent_frame(const simdjson::dom::object& from);
  void add_statistics(const std::string& component, const simdjson::dom::object& from);
  void add_block(const simdjson::dom::object& from);

 private:
  std::optional<tracker_event> event_of(const std::string& component,
                                        const simdjson::dom::object& from);
  void add_switch(const simdjson::dom::object& from);
  void add_block_events(tracker_block& to, const simdjson::dom::key_value_pair& component);

  tracker_file& file_;
};

}  // namespace latency::timeline
