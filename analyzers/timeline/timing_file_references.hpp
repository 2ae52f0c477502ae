#pragma once
// What the rows of a timing file refer to by index, checked once all are there.

#include <vector>

#include "analyzers/timeline/column_reader.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

// `string_of`: the id in `run` of each text of the file; rows' names are such indices before, and
// ids afterwards. Throws latency::error, through `columns`, naming the first index of nothing.
void resolve_references(const column_reader& columns, const std::vector<string_id>& string_of,
                        recording& run);

}  // namespace latency::timeline
