# weir-guest: one static file that runs in any guest, whatever is installed there. So it has no library but
# those of the compiler, and this is all of Weir that is in it; sanitizers cannot be linked statically (its
# room is tested with them, by guest_tests).
file(GLOB guest_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/guest/*.cc)
list(FILTER guest_sources EXCLUDE REGEX "_test\\.cc$")
set(guest_parts base/error.cc base/host_port.cc base/log.cc net/guest_preamble.cc net/original_destination.cc
  sandbox/loopback.cc sandbox/netlink.cc sandbox/nft.cc sandbox/process_candidates.cc sandbox/process_folder.cc
  sandbox/process_table.cc sandbox/socket_owner.cc sandbox/tls_libraries.cc)
list(TRANSFORM guest_parts PREPEND ${PROJECT_SOURCE_DIR}/src/)
add_executable(weir-guest ${guest_sources} ${guest_parts})
target_compile_features(weir-guest PRIVATE cxx_std_23)
target_include_directories(weir-guest PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(weir-guest PRIVATE WEIR_VERSION="${PROJECT_VERSION}")
target_compile_options(weir-guest PRIVATE -Wall -Wextra -Wno-missing-field-initializers -Werror=return-type
  -Werror=unused-result -fstack-protector-strong -Os -ffunction-sections -fdata-sections)
target_link_options(weir-guest PRIVATE -static -Wl,--gc-sections -Wl,-s)
target_link_libraries(weir-guest PRIVATE fmt::fmt-header-only)
