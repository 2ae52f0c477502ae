#include "pipeline_reference/checkpoint/safetensors_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

constexpr std::uint64_t max_header_bytes = 100'000'000;  // the format's own limit
// A tensor whose offset is still counted from the first byte after the header.
struct placed_tensor {
  tensor_entry entry;
  std::uint64_t end_bytes = 0;
};

// Takes the JSON as events: no tree is built, so nesting and size cannot hurt, a second tensor of
// the same name is seen, and anything that is not the header's own grammar ends the parse at once.
// Every handler returns false after fail().
class header_events : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<placed_tensor> tensors;
  std::string problem;

  bool start_object(std::size_t) override {
    if (place_ == place::outside) return enter(place::tensors);
    if (place_ == place::tensors) return enter(in_metadata_ ? place::metadata : place::tensor);
    return fail("found an object where none belongs");
  }
  bool end_object() override {
    if (place_ == place::tensors) return enter(place::outside);
    place_ = place::tensors;
    return std::exchange(in_metadata_, false) || finish_tensor();
  }
  bool start_array(std::size_t) override {
    if (place_ != place::tensor || (field_ != "shape" && field_ != "data_offsets"))
      return fail("found an array where none belongs");
    return enter(place::numbers);
  }
  bool end_array() override {
    (field_ == "shape" ? shape_ : offsets_) = std::move(numbers_);
    numbers_ = {};
    return enter(place::tensor);
  }
  bool key(string_t& text) override {
    if (place_ == place::tensors) return begin_tensor(text);
    if (place_ == place::metadata) return true;
    field_ = text;
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets")
      return fail("unknown field '" + files::printable(field_) +
                  "', expected dtype, shape and data_offsets");
    if (!fields_.insert(field_).second) return fail("field '" + field_ + "' stands there twice");
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == place::metadata) return true;
    if (place_ != place::tensor || field_ != "dtype") return wrong_value("a string");
    dtype_ = dtype_of_name(text);
    return dtype_ || fail("unknown dtype '" + files::printable(text) + "'");
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != place::numbers) return wrong_value("a number");
    if (numbers_.size() == most_dimensions)
      return fail(fmt::format("'{}' has more than {} numbers", field_, most_dimensions));
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(number_integer_t value) override {
    return wrong_value(fmt::format("{}", value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return wrong_value(files::printable(text));
  }
  bool null() override { return wrong_value("null"); }
  bool boolean(bool value) override { return wrong_value(value ? "true" : "false"); }
  bool binary(binary_t&) override { return wrong_value("binary"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    tensor_.clear();
    return fail(fmt::format("the header is not JSON at byte {}",
                            position + 7));  // after the length; 1-based
  }

 private:
  enum class place { outside, tensors, metadata, tensor, numbers };

  bool enter(place next) {
    place_ = next;
    return true;
  }
  bool fail(const std::string& message) {
    if (problem.empty())
      problem = tensor_.empty() ? message : files::printable(tensor_) + ": " + message;
    return false;
  }
  bool wrong_value(const std::string& found) {
    switch (place_) {
      case place::outside:
        return fail("the header must be an object, found " + found);
      case place::tensors:
        return fail("expected an object, found " + found);
      case place::metadata:
        return fail("metadata must be strings, found " + found);
      case place::tensor:
        return fail("'" + field_ + "' must be " + (field_ == "dtype" ? "a string" : "an array") +
                    ", found " + found);
      case place::numbers:
        return fail("'" + field_ + "' must hold whole numbers >= 0, found " + found);
    }
    return false;
  }
  bool begin_tensor(const std::string& name) {
    tensor_ = name;
    in_metadata_ = name == "__metadata__";
    fields_.clear();
    dtype_.reset();
    shape_.reset();
    offsets_.reset();
    return names_.insert(name).second || fail("the name stands there twice");
  }
  bool finish_tensor();

  place place_ = place::outside;
  bool in_metadata_ = false;
  std::string tensor_, field_;
  std::unordered_set<std::string> names_, fields_;
  std::optional<tensor_dtype> dtype_;
  std::optional<std::vector<std::uint64_t>> shape_, offsets_;
  std::vector<std::uint64_t> numbers_;
};

bool header_events::finish_tensor() {
  if (!dtype_ || !shape_ || !offsets_)
    return fail(fmt::format("'{}' is missing", !dtype_   ? "dtype"
                                               : !shape_ ? "shape"
                                                         : "data_offsets"));
  if (offsets_->size() != 2)
    return fail(fmt::format("'data_offsets' must hold 2 numbers, found {}", offsets_->size()));
  const std::uint64_t begin = (*offsets_)[0], end = (*offsets_)[1];
  if (end < begin)
    return fail(fmt::format("data_offsets [{},{}] end before they begin", begin, end));
  tensor_entry entry;
  entry.name = tensor_;
  entry.dtype = *dtype_;
  for (const std::uint64_t extent : *shape_)
    entry.shape.push_back(static_cast<std::int64_t>(extent));
  // A zero extent does not excuse absurd other ones: later code may multiply them in any order.
  std::int64_t bound = static_cast<std::int64_t>(dtype_bytes(*dtype_));
  for (const std::int64_t extent : entry.shape) {
    if (extent < 0 || __builtin_mul_overflow(bound, std::max<std::int64_t>(extent, 1), &bound))
      return fail("the shape is too large for 64-bit sizes");
    entry.elements *= extent;
  }
  entry.offset_bytes = begin;
  if (entry.size_bytes() != end - begin)
    return fail(fmt::format("{} {} needs {} bytes, data_offsets [{},{}] hold {}",
                            dtype_name(*dtype_), shape_text(entry.shape), entry.size_bytes(), begin,
                            end, end - begin));
  tensors.push_back({std::move(entry), end});
  return true;
}

// The format has no holes and no overlaps: in order of offset, each tensor begins where the one
// before it ended.
void check_layout(const std::string& path, std::vector<placed_tensor>& tensors,
                  std::uint64_t data_bytes) {
  std::sort(tensors.begin(), tensors.end(), [](const placed_tensor& a, const placed_tensor& b) {
    return std::pair(a.entry.offset_bytes, a.end_bytes) <
           std::pair(b.entry.offset_bytes, b.end_bytes);
  });
  std::uint64_t end = 0;
  for (const placed_tensor& tensor : tensors) {
    const std::uint64_t begin = tensor.entry.offset_bytes;
    if (begin != end)
      throw latency::error(
          path, files::printable(tensor.entry.name),
          fmt::format("expected its data to begin at byte {}, found {}: {}", end, begin,
                      begin < end ? "it overlaps the tensor before it" : "a hole"));
    end = tensor.end_bytes;
    if (end > data_bytes)
      throw latency::error(path, files::printable(tensor.entry.name),
                           fmt::format("its data end at byte {}, but the file holds {} data bytes",
                                       end, data_bytes));
  }
  if (end != data_bytes)
    throw latency::error(path, "",
                         fmt::format("expected {} data bytes, found {}", end, data_bytes));
}

}  // namespace

std::vector<tensor_entry> parse_safetensors(const std::string& path,
                                            std::span<const std::byte> bytes) {
  if (bytes.size() < 8)
    throw latency::error(path, "",
                         fmt::format("expected at least 8 bytes, found {}", bytes.size()));
  std::uint64_t header_bytes = 0;
  for (std::size_t i = 8; i-- > 0;)
    header_bytes = header_bytes << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  if (header_bytes > max_header_bytes)
    throw latency::error(path, "byte 0",
                         fmt::format("the header claims {} bytes, the format allows {}",
                                     header_bytes, max_header_bytes));
  if (header_bytes > bytes.size() - 8)
    throw latency::error(
        path, "byte 0",
        fmt::format("the header claims {} bytes, the file holds {} after its length", header_bytes,
                    bytes.size() - 8));
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  header_events events;
  if (!nlohmann::json::sax_parse(text, text + header_bytes, &events))
    throw latency::error(path, "", events.problem);
  check_layout(path, events.tensors, bytes.size() - 8 - header_bytes);
  std::vector<tensor_entry> entries;
  for (placed_tensor& tensor : events.tensors) {
    entries.push_back(std::move(tensor.entry));
    entries.back().offset_bytes += 8 + header_bytes;
  }
  return entries;
}

}  // namespace checkpoint
