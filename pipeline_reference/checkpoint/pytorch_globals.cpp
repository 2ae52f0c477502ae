#include "pipeline_reference/checkpoint/pytorch_globals.hpp"

#include <array>

namespace checkpoint {
namespace {

constexpr pytorch_global globals[] = {
    {"torch._utils._rebuild_tensor_v2", global_role::tensor},
    {"torch._utils._rebuild_tensor_v3", global_role::typed_tensor},
    {"torch._utils._rebuild_parameter", global_role::parameter},
    {"torch._utils._rebuild_parameter_with_state", global_role::parameter},
    {"torch.Size", global_role::other},
    {"collections.OrderedDict", global_role::other},
    {"torch.FloatStorage", global_role::storage, tensor_dtype::f32},
    {"torch.BFloat16Storage", global_role::storage, tensor_dtype::bf16},
    {"torch.HalfStorage", global_role::storage, tensor_dtype::f16},
    {"torch.DoubleStorage", global_role::storage, tensor_dtype::f64},
    {"torch.LongStorage", global_role::storage, tensor_dtype::i64},
    {"torch.IntStorage", global_role::storage, tensor_dtype::i32},
    {"torch.ShortStorage", global_role::storage, tensor_dtype::i16},
    {"torch.CharStorage", global_role::storage, tensor_dtype::i8},
    {"torch.ByteStorage", global_role::storage, tensor_dtype::u8},
    {"torch.BoolStorage", global_role::storage, tensor_dtype::boolean},
    {"torch.ComplexFloatStorage", global_role::storage, tensor_dtype::c64},
    {"torch.ComplexDoubleStorage", global_role::storage, tensor_dtype::c128},
    {"torch.UntypedStorage", global_role::storage, tensor_dtype::u8},
    {"torch.storage.UntypedStorage", global_role::storage, tensor_dtype::u8},
    {"torch.float32", global_role::dtype, tensor_dtype::f32},
    {"torch.bfloat16", global_role::dtype, tensor_dtype::bf16},
    {"torch.float16", global_role::dtype, tensor_dtype::f16},
    {"torch.float64", global_role::dtype, tensor_dtype::f64},
    {"torch.int64", global_role::dtype, tensor_dtype::i64},
    {"torch.int32", global_role::dtype, tensor_dtype::i32},
    {"torch.int16", global_role::dtype, tensor_dtype::i16},
    {"torch.int8", global_role::dtype, tensor_dtype::i8},
    {"torch.uint8", global_role::dtype, tensor_dtype::u8},
    {"torch.bool", global_role::dtype, tensor_dtype::boolean},
    {"torch.complex64", global_role::dtype, tensor_dtype::c64},
    {"torch.complex128", global_role::dtype, tensor_dtype::c128},
    {"torch.uint16", global_role::dtype, tensor_dtype::u16},
    {"torch.uint32", global_role::dtype, tensor_dtype::u32},
    {"torch.uint64", global_role::dtype, tensor_dtype::u64},
    {"torch.float8_e4m3fn", global_role::dtype, tensor_dtype::f8_e4m3},
    {"torch.float8_e5m2", global_role::dtype, tensor_dtype::f8_e5m2}};
constexpr std::size_t globals_count = std::size(globals);

constexpr global_use use_of(const pytorch_global& global) {
  if (global.name == "collections.OrderedDict") return global_use::dictionary;
  const bool is_constant = global.role == global_role::storage || global.role == global_role::dtype;
  return is_constant ? global_use::constant : global_use::function;
}

constexpr std::array<allowed_global, globals_count> allowed = [] {
  std::array<allowed_global, globals_count> list{};
  for (std::size_t i = 0; i < globals_count; ++i) list[i] = {globals[i].name, use_of(globals[i])};
  return list;
}();

}  // namespace

std::span<const allowed_global> allowed_pytorch_globals() {
  return allowed;
}

const pytorch_global& pytorch_global_at(std::int64_t index) {
  return globals[static_cast<std::size_t>(index)];
}

}  // namespace checkpoint
