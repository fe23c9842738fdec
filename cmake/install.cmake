# Filled in by the install component: headers, static libraries, find_package(kith) and pkg-config.
