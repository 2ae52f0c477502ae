#include "schema_complaint.hpp"

#include <fstream>
#include <stdexcept>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace latency_test {

std::string schema_complaint(const std::string& schema, const nlohmann::json& document) {
  std::ifstream file(LATENCY_SCHEMA_DIR "/" + schema);
  if (!file) throw std::runtime_error("cannot read schema " + schema);
  const nlohmann::json text = nlohmann::json::parse(file);
  valijson::Schema rules;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(text), rules);
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter adapter(document);
  if (valijson::Validator().validate(rules, adapter, &results)) return "";
  valijson::ValidationResults::Error complaint;
  if (!results.popError(complaint)) return "invalid";
  for (const std::string& place : complaint.context) complaint.description += " in " + place;
  return complaint.description;
}

}  // namespace latency_test
