# SPDX-License-Identifier: Apache-2.0
mcmp_unit(advertise test_advertiser PUBLIC)
mcmp_unit(advertise test_date)
mcmp_unit(advertise test_datagram PUBLIC)
mcmp_unit(advertise test_finder PUBLIC)
mcmp_unit(advertise test_multicast PUBLIC)
