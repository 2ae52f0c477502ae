#pragma once
// Does a document obey one of schemas/*.schema.json?

#include <nlohmann/json.hpp>
#include <string>

namespace latency_test {

// Empty when it does, else what valijson complains about first. `schema` is a file name in
// schemas/.
std::string schema_complaint(const std::string& schema, const nlohmann::json& document);

}  // namespace latency_test
