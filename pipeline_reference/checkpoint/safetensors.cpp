#include "pipeline_reference/checkpoint/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/safetensors_header.hpp"
#include "pipeline_reference/files/text_file.hpp"
#include "pipeline_reference/ops/bf16.hpp"

namespace checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are read in place, little-endian");

struct descriptor {
  int fd;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw latency::error(path, "", std::string(what) + ": " + std::strerror(errno));
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal: fraction x 2^-24 is exact in fp32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t wide =
      exponent == 0x1f ? 0xffu : exponent + 112;  // infinity and NaN keep their fraction
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <float (*convert)(std::uint16_t)>
void convert_each(const std::byte* in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, in + 2 * i, 2);  // the data need not be aligned
    out[i] = convert(bits);
  }
}

// "a, b, c and 4 more"
std::string first_few(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i)
    text += (i ? ", " : "") + files::printable(names[i]);
  return names.size() > shown ? text + fmt::format(" and {} more", names.size() - shown) : text;
}

}  // namespace

safetensors_file::safetensors_file(std::string path, std::shared_ptr<const void> owner,
                                   std::span<const std::byte> bytes)
    : path_(std::move(path)), owner_(std::move(owner)) {
  safetensors_header header = parse_safetensors_header(path_, bytes);
  data_ = bytes.subspan(header.data_offset_bytes);
  entries_ = std::move(header.entries);
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

safetensors_file safetensors_file::open(const std::string& path) {
  // Without O_NONBLOCK, a pipe would be waited for here.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(path, "cannot open");
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) fail(path, "cannot read its size");
  if (!S_ISREG(status.st_mode)) throw latency::error(path, "", "not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0)
    return {path, nullptr, {}};  // an empty file cannot be mapped; the header check names the fault
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail(path, "cannot map");
  std::shared_ptr<const void> owner(address, [size](void* mapped) { ::munmap(mapped, size); });
  return {path, owner, {static_cast<const std::byte*>(address), size}};
}

safetensors_file safetensors_file::from_memory(std::string label,
                                               std::span<const std::byte> bytes) {
  return {std::move(label), nullptr, bytes};
}

std::vector<std::string> safetensors_file::names() const {
  std::vector<std::string> out;
  for (const tensor_entry& entry : entries_) out.push_back(entry.name);
  return out;
}

const tensor_entry& safetensors_file::entry(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end())
    throw latency::error(path_, files::printable(name), "expected this tensor, found none");
  return entries_[found->second];
}

std::span<const std::byte> safetensors_file::bytes(const std::string& name) const {
  const tensor_entry& found = entry(name);
  return data_.subspan(found.offset_bytes, found.size_bytes);
}

const tensor_entry& safetensors_file::entry_of_shape(const std::string& name,
                                                     std::span<const std::int64_t> shape) const {
  const tensor_entry& found = entry(name);
  if (!std::equal(shape.begin(), shape.end(), found.shape.begin(), found.shape.end()))
    throw latency::error(
        path_, files::printable(name),
        "expected shape " + shape_text(shape) + ", found " + shape_text(found.shape));
  return found;
}

std::vector<float> safetensors_file::read_f32(const std::string& name,
                                              std::span<const std::int64_t> shape) const {
  std::vector<float> out(static_cast<std::size_t>(entry_of_shape(name, shape).elements));
  read_f32(name, shape, out);
  return out;
}

void safetensors_file::read_f32(const std::string& name, std::span<const std::int64_t> shape,
                                std::span<float> out) const {
  const tensor_entry& found = entry_of_shape(name, shape);
  if (out.size() != static_cast<std::size_t>(found.elements))
    throw latency::error(
        path_, files::printable(name),
        fmt::format("expected room for {} values, found {}", found.elements, out.size()));
  widen(found, 0, out);
}

void safetensors_file::read_rows_f32(const std::string& name, std::span<const std::int64_t> shape,
                                     std::int64_t first, std::span<float> out) const {
  const tensor_entry& found = entry_of_shape(name, shape);
  const std::int64_t rows = shape.empty() ? 0 : shape[0];
  const std::int64_t row_elements = rows > 0 ? found.elements / rows : 0;
  const auto wanted = static_cast<std::int64_t>(out.size());
  if (row_elements == 0 || wanted % row_elements != 0)
    throw latency::error(
        path_, files::printable(name),
        fmt::format("expected room for whole rows of {} values, found {}", row_elements, wanted));
  if (first < 0 || first > rows || wanted / row_elements > rows - first)
    throw latency::error(path_, files::printable(name),
                         fmt::format("expected rows below {}, found {} from {}", rows,
                                     wanted / row_elements, first));
  widen(found, static_cast<std::size_t>(first * row_elements), out);
}

void safetensors_file::widen(const tensor_entry& entry, std::size_t first,
                             std::span<float> out) const {
  const std::byte* in = data_.data() + entry.offset_bytes + first * dtype_bytes(entry.dtype);
  switch (entry.dtype) {
    case tensor_dtype::f32:
      if (!out.empty()) std::memcpy(out.data(), in, out.size() * sizeof(float));
      return;
    case tensor_dtype::bf16:
      return convert_each<ops::from_bf16>(in, out);
    case tensor_dtype::f16:
      return convert_each<f16_to_f32>(in, out);
    default:
      break;
  }
  throw latency::error(
      path_, files::printable(entry.name),
      "expected dtype F32, F16 or BF16, found " + std::string(dtype_name(entry.dtype)));
}

std::span<const std::byte> safetensors_file::bf16_bytes(const std::string& name,
                                                        std::span<const std::int64_t> shape) const {
  const tensor_entry& found = entry_of_shape(name, shape);
  if (found.dtype != tensor_dtype::bf16) return {};
  return data_.subspan(found.offset_bytes, found.size_bytes);
}

void safetensors_file::expect(const std::vector<expected_tensor>& expected,
                              const std::vector<std::string>& ignored_prefixes) const {
  std::vector<std::string> missing, unexpected;
  std::unordered_set<std::string> wanted;
  for (const expected_tensor& tensor : expected) {
    wanted.insert(tensor.name);
    if (!contains(tensor.name)) missing.push_back(tensor.name);
  }
  const auto ignored = [&](const std::string& name) {
    return std::any_of(
        ignored_prefixes.begin(), ignored_prefixes.end(),
        [&](const std::string& prefix) { return name.compare(0, prefix.size(), prefix) == 0; });
  };
  for (const tensor_entry& found : entries_)
    if (wanted.count(found.name) == 0 && !ignored(found.name)) unexpected.push_back(found.name);
  if (!missing.empty() || !unexpected.empty()) {
    std::string message =
        fmt::format("expected {} tensors, found {}", expected.size(), entries_.size());
    if (!missing.empty()) message += "; missing: " + first_few(missing);
    if (!unexpected.empty()) message += "; unexpected: " + first_few(unexpected);
    throw latency::error(path_, "", message);
  }
  for (const expected_tensor& tensor : expected) entry_of_shape(tensor.name, tensor.shape);
}

}  // namespace checkpoint
