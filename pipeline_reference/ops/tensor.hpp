#pragma once
// Tensors of a back end: views, owning buffers and the memory they live in.
//
// A view is dense in its last dimension; the dimensions before it are flattened into rows that lie
// `row_stride` elements apart (row_stride == shape[rank - 1] when contiguous). So a column range of
// a packed matrix, such as k inside qkv [tokens, 3 * dim], is a view too. Data pointers belong to
// the back end: host code reads them only when memory::host_accessible() says so.
//
// Views and buffers have no locks: one thread at a time per stream.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "latency/error.hpp"

namespace ops {

enum class dtype : std::uint8_t { f32, bf16, f16, i32, u8 };

[[nodiscard]] constexpr std::int64_t size_bytes(dtype type) noexcept {
  switch (type) {
    case dtype::f32:
    case dtype::i32:
      return 4;
    case dtype::bf16:
    case dtype::f16:
      return 2;
    case dtype::u8:
      break;
  }
  return 1;
}

[[nodiscard]] constexpr const char* name_of(dtype type) noexcept {
  constexpr std::array<const char*, 5> names = {"f32", "bf16", "f16", "i32", "u8"};
  return names[static_cast<std::size_t>(type)];
}

// Dimensions of a tensor, outermost first; rank 0 means "no tensor".
struct shape {
  static constexpr int max_rank = 6;
  std::array<std::int64_t, max_rank> size{};
  int rank = 0;

  constexpr shape() = default;
  constexpr shape(std::initializer_list<std::int64_t> sizes) {
    for (const std::int64_t n : sizes) {
      if (rank == max_rank) throw latency::error("tensor: more than 6 dimensions");
      size[static_cast<std::size_t>(rank++)] = n;
    }
  }
  [[nodiscard]] constexpr std::int64_t operator[](int i) const {
    return size[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] constexpr std::int64_t elements() const {
    std::int64_t n = rank == 0 ? 0 : 1;
    for (int i = 0; i < rank; ++i) n *= (*this)[i];
    return n;
  }
  [[nodiscard]] constexpr bool operator==(const shape& other) const {
    bool same = rank == other.rank;
    for (int i = 0; same && i < rank; ++i) same = (*this)[i] == other[i];
    return same;
  }
  [[nodiscard]] std::string text() const {  // "[3, 16, 8, 12]"
    std::string out = "[";
    for (int i = 0; i < rank; ++i) out += (i > 0 ? ", " : "") + std::to_string((*this)[i]);
    return out + "]";
  }
};

// Non-owning view; Data is void or const void. Cheap to copy, pass by value.
template <class Data>
struct basic_tensor {
  Data* data = nullptr;
  dtype type = dtype::f32;
  ops::shape shape;
  std::int64_t row_stride = 0;  // elements between the starts of neighbouring rows

  basic_tensor() = default;
  basic_tensor(Data* pointer, dtype t, const ops::shape& s)
      : basic_tensor(pointer, t, s, s.rank > 0 ? s[s.rank - 1] : 0) {}
  basic_tensor(Data* pointer, dtype t, const ops::shape& s, std::int64_t stride)
      : data(pointer), type(t), shape(s), row_stride(stride) {}
  // A mutable view converts to a read-only one.
  template <class Other, class = std::enable_if_t<std::is_convertible_v<Other*, Data*> &&
                                                  !std::is_same_v<Other, Data>>>
  basic_tensor(const basic_tensor<Other>& other)  // NOLINT(google-explicit-constructor)
      : data(other.data), type(other.type), shape(other.shape), row_stride(other.row_stride) {}

  [[nodiscard]] explicit operator bool() const noexcept { return data != nullptr; }
  [[nodiscard]] std::int64_t elements() const { return shape.elements(); }
  [[nodiscard]] std::int64_t columns() const { return shape.rank > 0 ? shape[shape.rank - 1] : 0; }
  [[nodiscard]] std::int64_t rows() const { return columns() > 0 ? elements() / columns() : 0; }
  [[nodiscard]] bool contiguous() const { return row_stride == columns() || rows() <= 1; }
  [[nodiscard]] std::int64_t bytes() const { return elements() * size_bytes(type); }

  // Element pointer; T must fit `type` (unchecked, const is added for read-only views).
  template <class T>
  [[nodiscard]] auto* as() const {
    using element = std::conditional_t<std::is_const_v<Data>, const T, T>;
    return static_cast<element*>(data);
  }
  // Rows [first, first + count), as a matrix [count, columns].
  [[nodiscard]] basic_tensor row_range(std::int64_t first, std::int64_t count) const {
    return {offset(first * row_stride), type, {count, columns()}, row_stride};
  }
  // Columns [first, first + count) of every row, as a matrix [rows, count].
  [[nodiscard]] basic_tensor column_range(std::int64_t first, std::int64_t count) const {
    return {offset(first), type, {rows(), count}, row_stride};
  }
  // Entry i of the outermost dimension.
  [[nodiscard]] basic_tensor operator[](std::int64_t i) const {
    ops::shape inner;
    inner.rank = shape.rank - 1;
    for (int d = 1; d < shape.rank; ++d) inner.size[static_cast<std::size_t>(d - 1)] = shape[d];
    const std::int64_t inner_rows = inner.rank > 0 ? inner.elements() / columns() : 0;
    return {offset(i * (inner.rank > 0 ? inner_rows * row_stride : 1)), type, inner, row_stride};
  }
  // The same elements under another shape of equal size; contiguous views only.
  [[nodiscard]] basic_tensor reshaped(const ops::shape& s) const {
    if (!contiguous() || s.elements() != elements())
      throw latency::error("tensor: cannot view " + shape.text() + " as " + s.text());
    return {data, type, s};
  }

 private:
  [[nodiscard]] Data* offset(std::int64_t elements) const {
    using byte = std::conditional_t<std::is_const_v<Data>, const char, char>;
    return static_cast<byte*>(data) + elements * size_bytes(type);
  }
};

using tensor = basic_tensor<void>;
using const_tensor = basic_tensor<const void>;

// A queue of the back end on which work runs in order: a CUDA stream, or nothing on the CPU, where
// every call has finished when it returns.
struct stream {
  void* handle = nullptr;
};

// Scratch memory that one operation may overwrite; owned by the caller, reused on one stream.
struct workspace {
  void* data = nullptr;
  std::int64_t bytes = 0;
};

// centre + spread * u for each element e of a tensor, u in [-1, 1) from the upper 24 bits of word e
// of (seed, sequence) of the generator of ops/random.hpp; evaluated in fp32.
struct uniform_numbers {
  std::uint64_t seed = 0;
  std::uint32_t sequence = 0;
  float centre = 0, spread = 1;
};

// The memory of a back end. Throws latency::error (out of memory, device errors). Thread-safe.
class memory {
 public:
  virtual ~memory() = default;
  // At least 64-byte aligned, contents undefined. Never called in steady state.
  [[nodiscard]] virtual void* allocate(std::int64_t bytes) = 0;
  virtual void release(void* data) noexcept = 0;
  // Ordered on the stream; host memory given to upload may be reused when the call returns.
  virtual void upload(void* to, const void* from_host, std::int64_t bytes, stream s) = 0;
  // Waits for the stream: the bytes are in host memory when the call returns.
  virtual void download(void* to_host, const void* from, std::int64_t bytes, stream s) = 0;
  virtual void copy(void* to, const void* from, std::int64_t bytes, stream s) = 0;  // no overlap
  virtual void zero(void* to, std::int64_t bytes, stream s) = 0;
  virtual void synchronize(stream s) = 0;
  [[nodiscard]] virtual bool host_accessible() const noexcept = 0;
  // Makes random numbers where they are needed. False when the back end leaves that to its caller.
  [[nodiscard]] virtual bool fill_uniform(const tensor&, const uniform_numbers&, stream) {
    return false;
  }
};

// Owns the storage of one contiguous tensor. Move-only.
class buffer {
 public:
  buffer() = default;
  buffer(memory& where, dtype type, const shape& s)
      : memory_(&where), view_(where.allocate(s.elements() * size_bytes(type)), type, s) {}
  buffer(buffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), view_(std::exchange(other.view_, {})) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(view_, other.view_);
    return *this;
  }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer() {
    if (memory_ != nullptr) memory_->release(view_.data);
  }

  [[nodiscard]] tensor view() const noexcept { return view_; }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(view_); }
  [[nodiscard]] workspace as_workspace() const { return {view_.data, view_.bytes()}; }

 private:
  memory* memory_ = nullptr;
  tensor view_;
};

}  // namespace ops
