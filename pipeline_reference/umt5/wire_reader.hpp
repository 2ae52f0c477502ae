#pragma once
// Reads the protobuf wire format one field at a time, bounds checked, nothing copied.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace umt5 {

enum class wire_type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct wire_field {
  std::uint32_t number = 0;
  wire_type type{};
  std::uint64_t value = 0;  // of varint, fixed64 and fixed32
  std::string_view bytes;   // of bytes, inside the file
};

class wire_reader {
 public:
  // Fields of `message`, a part of `file`; `path` and the place in `file` are for errors only.
  wire_reader(const std::string& path, std::string_view file, std::string_view message)
      : path_(path), file_(file), rest_(message) {}

  // False at the end of the message. Throws latency::error at what is not the wire format and at
  // groups, which no model file has.
  bool next(wire_field& field);

  // For the field that next() returned last: throws unless it is of that type, or when a field of
  // this number (below 64) was required before.
  void require_once(const wire_field& field, wire_type type, const char* name);
  void require_type(const wire_field& field, wire_type type, const char* name) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  std::uint64_t varint();
  std::string_view take(std::uint64_t count);

  const std::string& path_;
  std::string_view file_, rest_;
  const char* field_start_ = nullptr;
  std::uint64_t seen_ = 0;  // bit per field number
};

}  // namespace umt5
