// Lets Boost.Interprocess map a descriptor of our own: mapped_region accepts any type with these two members,
// while its file_mapping opens by path only.
// SPDX-License-Identifier: MIT
#pragma once

#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/interprocess_fwd.hpp>
#include <boost/interprocess/mapped_region.hpp>

namespace pwalk {

class MappingHandle {
 public:
  MappingHandle(int descriptor, boost::interprocess::mode_t mode) noexcept
      : descriptor_(descriptor), mode_(mode) {}
  boost::interprocess::mapping_handle_t get_mapping_handle() const noexcept { return {descriptor_, false}; }
  boost::interprocess::mode_t get_mode() const noexcept { return mode_; }

 private:
  int descriptor_;
  boost::interprocess::mode_t mode_;
};

}  // namespace pwalk
