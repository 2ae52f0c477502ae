#pragma once
// A file of tensors: a checkpoint, golden tensors, saved latents. What it is shows in its content,
// never in its name: safetensors, or what torch.save writes (.pt, .pth).
//
// Opening costs the file's directory only; each tensor is read when it is asked for, and nothing of
// it is kept. The file is untrusted. Everything it claims is checked before it is used, nothing in
// it is ever executed, and every failure is a latency::error whose one line names the file and the
// place in it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline_reference/checkpoint/file_format.hpp"
#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint {

class byte_reader;

// Copies share the open file. Const members may be called from several threads.
class tensor_file {
 public:
  static tensor_file open(const std::string& path);
  // The same over bytes that the caller keeps alive; `label` stands for the file name in errors.
  static tensor_file from_memory(std::string label, std::span<const std::byte> bytes);

  const std::string& path() const;
  file_format format() const { return format_; }
  std::uint64_t size_bytes() const;
  // In the order of the file's directory. Tensors of nested Python dictionaries and lists are named
  // by their keys joined with dots: "generator.model.head.head.weight".
  const std::vector<tensor_entry>& entries() const { return entries_; }
  bool contains(const std::string& name) const { return index_.count(name) != 0; }
  const tensor_entry& entry(const std::string& name) const;  // throws when absent
  // Throws when it is absent or has another shape.
  const tensor_entry& entry_of_shape(const std::string& name,
                                     std::span<const std::int64_t> shape) const;

  // The tensor widened to fp32 (F32, F16 and BF16 are exact), row-major. Throws when it is absent,
  // when its shape is another one, or when its dtype is none of these three, and when the file
  // has been cut short since. Cost: one pass over the tensor, in pieces.
  std::vector<float> read_f32(const std::string& name, std::span<const std::int64_t> shape) const;
  // Entries [first, first + n) of its first dimension, likewise, n as many as fill `out`; a scalar
  // is one. Throws also when these do not lie in it, or when `out` ends inside one. bf16 is rounded
  // to nearest, ties to even.
  void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                 std::span<float> out) const;
  void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                 std::span<std::uint16_t> out) const;
  // The numbers of an I32 tensor (token ids), row-major. Throws when it is absent, or is of another
  // shape or dtype, or not stored row-major.
  std::vector<std::int32_t> read_i32(const std::string& name,
                                     std::span<const std::int64_t> shape) const;

 private:
  explicit tensor_file(std::shared_ptr<const byte_reader> reader);
  template <class T>
  void read_rows_as(const std::string& name, std::span<const std::int64_t> shape,
                    std::int64_t first, std::span<T> out) const;

  std::shared_ptr<const byte_reader> reader_;
  file_format format_{};
  std::vector<tensor_entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace checkpoint
