"""Ports that voyages begin and end at: harbours and roadsteads of the Indo-Pacific and some beyond, by UN/LOCODE and name.

Written by us from public facts: codes and names as UN/LOCODE has them, places of basins and anchorages to about a kilometre as public charts and
the World Port Index (NGA, public domain) give them. A port that is wide has several places. It is neither complete nor for navigation: whoever
watches other waters names a file of its own (`ports`) or single places (`anchorages`) in the settings.
"""

from __future__ import annotations

from kizuna.domains.maritime.tracks.voyages import Port

_DEGREE = 600_000
_TEXT = """
INMAA Chennai        13.10 80.30  13.12 80.38
INENR Kamarajar      13.26 80.34
INKRI Krishnapatnam  14.25 80.13
INVTZ Visakhapatnam  17.69 83.29  17.66 83.36
INPRT Paradip        20.26 86.68  20.21 86.74
INHAL Haldia         22.02 88.08
INCCU Kolkata        22.54 88.31
INTUT Tuticorin       8.75 78.21
INCOK Kochi           9.96 76.25   9.95 76.15
INNML New Mangalore  12.93 74.81
INMRM Mormugao       15.41 73.80
INBOM Mumbai         18.94 72.85  18.88 72.83
INNSA Nhava Sheva    18.95 72.95
INPAV Pipavav        20.91 71.51
INIXY Kandla         23.01 70.22
INMUN Mundra         22.74 69.70
INIXZ Port Blair     11.67 92.73
LKCMB Colombo         6.95 79.84   6.97 79.79
LKTRR Trincomalee     8.55 81.22
LKHBA Hambantota      6.12 81.11
MVMLE Male            4.18 73.51
BDCGP Chattogram     22.31 91.80  22.20 91.75
BDMGL Mongla         22.47 89.60
MMRGN Yangon         16.77 96.17
THLCH Laem Chabang   13.07 100.88
THBKK Bangkok        13.70 100.57
MYPEN Penang          5.41 100.36
MYPKG Port Klang      3.00 101.38  2.95 101.28
MYTPP Tanjung Pelepas 1.36 103.55
MYPGU Pasir Gudang    1.43 103.90
SGSIN Singapore       1.26 103.83  1.24 103.74  1.29 103.70  1.30 103.62  1.29 103.97  1.22 103.90
IDBLW Belawan         3.79 98.70
IDJKT Tanjung Priok  -6.09 106.88
IDSUB Surabaya       -7.19 112.73
PHMNL Manila         14.59 120.94 14.55 120.90
PHSFS Subic Bay      14.80 120.26
PHCEB Cebu           10.30 123.91
VNSGN Ho Chi Minh City 10.77 106.73
VNVUT Vung Tau       10.50 107.03
VNDAD Da Nang        16.12 108.21
VNHPH Haiphong       20.85 106.75
KHKOS Sihanoukville  10.64 103.51
HKHKG Hong Kong      22.34 114.12 22.29 114.10
CNYTN Yantian        22.57 114.27
CNSHK Shekou         22.47 113.88
CNXMN Xiamen         24.46 118.06
CNNGB Ningbo         29.93 121.87
CNSHA Shanghai       31.36 121.58 30.62 122.06
CNTAO Qingdao        36.04 120.24
CNTXG Tianjin        38.97 117.80
CNDLC Dalian         38.94 121.66
TWKHH Kaohsiung      22.58 120.28
TWTXG Taichung       24.26 120.50
TWKEL Keelung        25.15 121.75
KRPUS Busan          35.09 129.06 35.07 128.80
KRUSN Ulsan          35.50 129.38
KRKAN Gwangyang      34.90 127.70
KRINC Incheon        37.46 126.60
JPTYO Tokyo          35.61 139.78
JPKWS Kawasaki       35.50 139.76
JPYOK Yokohama       35.44 139.66 35.39 139.70
JPYOS Yokosuka       35.29 139.67
JPCHB Chiba          35.56 140.06
JPSMZ Shimizu        35.02 138.51
JPNGO Nagoya         35.05 136.86
JPOSA Osaka          34.64 135.41
JPUKB Kobe           34.67 135.21
JPKRE Kure           34.23 132.55
JPMOJ Moji           33.95 130.96
JPHKT Hakata         33.61 130.39
JPSSB Sasebo         33.16 129.71
JPNGS Nagasaki       32.73 129.86
JPKOJ Kagoshima      31.58 130.57
JPNAH Naha           26.21 127.67
JPMAI Maizuru        35.48 135.38
JPKIJ Niigata        37.94 139.07
JPTMK Tomakomai      42.63 141.63
JPHKD Hakodate       41.79 140.71
RUVVO Vladivostok    43.10 131.89
AUDRW Darwin        -12.47 130.85
AUPHE Port Hedland  -20.31 118.58
AUFRE Fremantle     -32.05 115.73
AUMEL Melbourne     -37.83 144.92
AUSYD Sydney        -33.86 151.20 -33.97 151.21
AUBNE Brisbane      -27.38 153.17
NZAKL Auckland      -36.84 174.78
PGPOM Port Moresby   -9.48 147.15
FJSUV Suva          -18.13 178.42
GUGUM Apra           13.45 144.66
PKKHI Karachi        24.83 66.98
PKBQM Port Qasim     24.77 67.33
PKGWD Gwadar         25.12 62.33
IRZBR Chabahar       25.30 60.61
IRBND Bandar Abbas   27.14 56.21
OMSOH Sohar          24.50 56.63
OMMCT Muscat         23.63 58.57
OMSLL Salalah        16.94 54.00
AEFJR Fujairah       25.18 56.37  25.22 56.45
AEJEA Jebel Ali      25.01 55.05
AEKHL Khalifa        24.82 54.66
QAHMD Hamad          25.02 51.62
BHKBS Khalifa bin Salman 26.20 50.71
KWSWK Shuwaikh       29.35 47.93
IQUQR Umm Qasr       30.03 47.95
SAJED Jeddah         21.46 39.16
YEADE Aden           12.79 44.99
DJJIB Djibouti       11.60 43.14
EGSUZ Suez           29.94 32.55
EGPSD Port Said      31.26 32.31  31.24 32.36
KEMBA Mombasa        -4.05 39.63
TZDAR Dar es Salaam  -6.83 39.29
MUPLU Port Louis    -20.15 57.49
SCPOV Port Victoria  -4.62 55.46
ZADUR Durban        -29.88 31.03
ZACPT Cape Town     -33.91 18.44
USHNL Honolulu       21.31 -157.87
USLAX Los Angeles    33.74 -118.26
USLGB Long Beach     33.75 -118.21
USOAK Oakland        37.80 -122.32
USSEA Seattle        47.59 -122.35
USNYC New York       40.67 -74.04 40.68 -74.14 40.69 -74.01 40.64 -74.07
USORF Norfolk        36.92 -76.32
USHOU Houston        29.73 -95.27
USMSY New Orleans    29.94 -90.06
USSAV Savannah       32.13 -81.14
PAPTY Balboa          8.95 -79.57
NLRTM Rotterdam      51.95 4.10   51.89 4.30
BEANR Antwerp        51.30 4.29
DEHAM Hamburg        53.53 9.93
GBSOU Southampton    50.90 -1.41
GBFXT Felixstowe     51.95 1.32
ESALG Algeciras      36.14 -5.43
MTMAR Marsaxlokk     35.82 14.54
GRPIR Piraeus        37.95 23.61
TRIST Istanbul       41.00 28.98
PLGDN Gdansk         54.40 18.68
PLGDY Gdynia         54.53 18.55
"""


def _ports() -> tuple[Port, ...]:
    found = []
    for line in _TEXT.strip().splitlines():
        code, *words = line.split()
        name = [word for word in words if not word.lstrip("-").replace(".", "").isdigit()]
        numbers = [float(word) for word in words[len(name) :]]
        for lat, lon in zip(numbers[::2], numbers[1::2], strict=True):
            found.append(Port(f"{code} {' '.join(name)}", round(lat * _DEGREE), round(lon * _DEGREE)))
    return tuple(found)


PORTS = _ports()
"""Each place of each port, called by code and name."""
